// Where Kafka and Postgres come from: addresses that are given, else embedded, else Docker.
// FLUXFORGE_INFRA=external|embedded|docker decides by force.
import { dockerIsRunning } from './docker.mjs';
import { assertJava, assertMaven, kafkaIsCached, MissingPart } from './kafka-jars.mjs';

export const KINDS = ['external', 'embedded', 'docker'];
const none = async () => undefined;

/** `undefined` when embedded Kafka can run here, else what is missing and the command that mends it. */
async function embeddedLacks() {
  try {
    await assertJava();
    if (!kafkaIsCached()) await assertMaven();
    return undefined;
  } catch (error) {
    if (error instanceof MissingPart) return error.message;
    throw error;
  }
}

/** Kind of each part; `probe` is an argument so that the order can be tested without a machine to match. */
export async function chooseKinds({ forced, addresses, probe = { embeddedLacks, dockerIsRunning } }) {
  if (forced && !KINDS.includes(forced)) throw new Error(`FLUXFORGE_INFRA is one of ${KINDS.join(', ')}`);
  const missing = Object.values(addresses).filter((a) => !a.value);
  if (forced === 'external' && missing.length > 0) {
    throw new MissingPart(
      `FLUXFORGE_INFRA=external wants ${missing.map((a) => a.name).join(' and ')} to be set`,
    );
  }
  const kinds = {};
  let own;
  for (const [part, { value }] of Object.entries(addresses)) {
    const given = value && (forced === undefined || forced === 'external');
    kinds[part] = given ? 'external' : (own ??= await ownKind(forced, probe));
  }
  return kinds;
}

async function ownKind(forced, probe) {
  if (forced === 'docker') {
    if (await probe.dockerIsRunning()) return 'docker';
    throw new MissingPart('no Docker engine answers: sudo systemctl start docker');
  }
  const lacks = await probe.embeddedLacks();
  if (lacks === undefined) return 'embedded';
  if (forced === undefined && (await probe.dockerIsRunning())) return 'docker';
  throw new MissingPart(forced === undefined ? `${lacks}   (or start a Docker engine)` : lacks);
}

/** Starts each part by the function of its kind; a part that fails takes the other one down with it. */
export async function startParts(kinds, addresses, starters) {
  const external = (part) => async () => ({ ...addresses[part].as(addresses[part].value), stop: none });
  const work = Object.entries(kinds).map(async ([part, kind]) => {
    const start = kind === 'external' ? external(part) : starters[kind][part];
    return [part, { kind, ...(await start()) }];
  });
  const settled = await Promise.allSettled(work);
  const up = settled.filter((s) => s.status === 'fulfilled').map((s) => s.value);
  const failed = settled.find((s) => s.status === 'rejected');
  if (failed) {
    await Promise.allSettled(up.map(([, service]) => service.stop()));
    throw failed.reason;
  }
  return Object.fromEntries(up);
}
