import { join } from 'node:path';
import { drained, stopAndAudit } from './support/audit.js';
import { OwnInfra } from './support/infra.js';
import { Nemesis } from './support/nemesis.js';
import { Random } from './support/random.js';
import { TestSystem } from './support/system.js';
import { Witness } from './support/witness.js';
import { Workload } from './support/workload.js';

/**
 * Everything at once: processes killed and stopped, Kafka and Postgres as well, the agents' links dead in one
 * direction or both, one trouble at a time or two, drawn from a seed, under a steady load. Then all is healed,
 * and everything that was recorded is held against what was promised.
 */

const seed = Number(process.env['FLUXFORGE_E2E_SEED'] ?? 1);
const stormMs = Number(process.env['FLUXFORGE_E2E_STORM_MS'] ?? 45_000);

jest.setTimeout(stormMs + 480_000);

let infra: OwnInfra;
let system: TestSystem;

beforeAll(async () => {
  infra = await OwnInfra.start();
  const agents = [1, 2, 3].map((i) => ({ name: `agent-${i}`, labels: `role=files-${i}`, slots: 4 }));
  system = await TestSystem.start(infra, { agents, dispatchers: 2, links: true });
});

afterAll(async () => {
  await system?.remove();
  await infra?.stop();
});

it(`keeps its promises in a storm (seed ${seed})`, async () => {
  const random = new Random(seed);
  const witness = new Witness(join(system.folder, 'witness'));
  const workload = new Workload(system, witness, random, {
    workers: 4,
    pauseMs: 900,
    maxTaskSeconds: 1.5,
    states: 3,
  });
  const nemesis = new Nemesis(system, infra, random);
  try {
    await workload.start();
    await nemesis.run(stormMs);
    await workload.stop();
    await drained(system, workload.stateIds, 240_000);
    const { submitter, mustSucceed } = workload;
    const { submissions } = submitter;
    const audit = await stopAndAudit(system, { submissions, witness, mustSucceed });
    expect(audit.flaws).toEqual([]);
    expect(audit.ends['succeeded']).toBeGreaterThan(20);
    expect(system.all.flatMap((one) => one.unasked.map((exit) => [one.name, exit]))).toEqual([]);
    if (process.env['FLUXFORGE_E2E_VERBOSE'])
      console.log(nemesis.history.join('\n'), audit.ends, audit.claims, audit.skipped);
  } catch (error: unknown) {
    nemesis.abandon();
    workload.abandon();
    throw new Error(`seed ${seed}; the storm was:\n${nemesis.history.join('\n')}\n${String(error)}`, {
      cause: error,
    });
  }
});
