// The one Kafka and the one Postgres that a run of the tests shares, and the means for each test to have a Redis.
import path from 'node:path';
import { startTestContainers } from '../infra/docker.mjs';
import { startKafka } from '../infra/kafka.mjs';
import { startPostgres } from '../infra/postgres.mjs';
import { MissingPart } from '../infra/kafka-jars.mjs';
import { redisProgram } from '../infra/redis-program.mjs';
import { chooseKinds, startParts } from '../infra/resolve.mjs';
import { say, step } from '../lib/progress.mjs';

const KAFKA = 'FLUXFORGE_TEST_KAFKA_BROKERS';
const POSTGRES = 'FLUXFORGE_TEST_POSTGRES_URL';
const NO_REDIS = 'FLUXFORGE_TEST_REDIS_MISSING';

/** Found, or fetched, before a test runs: a suite that is skipped for want of it must know beforehand. */
async function redisOrReason() {
  try {
    await redisProgram();
    return {};
  } catch (error) {
    if (!(error instanceof MissingPart)) throw error;
    say(`  tests on Redis are skipped: ${error.message}`);
    return { [NO_REDIS]: error.message };
  }
}

export async function startTestInfra({ runId, dataDir, env = process.env }) {
  const addresses = {
    kafka: { name: KAFKA, value: env[KAFKA], as: (brokers) => ({ brokers }) },
    postgres: { name: POSTGRES, value: env[POSTGRES], as: (url) => ({ url }) },
  };
  const kinds = await chooseKinds({ forced: env.FLUXFORGE_INFRA || undefined, addresses });
  let containers;
  const container = (part) => async () => (await (containers ??= startTestContainers()))[part];
  const starters = {
    embedded: {
      kafka: () =>
        startKafka({ dataDir: path.join(dataDir, 'kafka'), runId, log: (line) => say(`  ${line}`) }),
      postgres: () => startPostgres({ dataDir: path.join(dataDir, 'postgres'), runId }),
    },
    docker: { kafka: container('kafka'), postgres: container('postgres') },
  };
  const name = `Kafka (${kinds.kafka}) and Postgres (${kinds.postgres})`;
  const redis = await redisOrReason();
  const parts = await step(`starting ${name}`, () => startParts(kinds, addresses, starters));
  return {
    env: { ...redis, [KAFKA]: parts.kafka.brokers, [POSTGRES]: parts.postgres.url },
    async stop() {
      await Promise.allSettled([parts.kafka.stop(), parts.postgres.stop()]);
    },
  };
}
