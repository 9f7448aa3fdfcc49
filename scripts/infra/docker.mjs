// Kafka and Postgres as containers: by testcontainers for tests (nothing stays), by the docker command for
// `npm start` (named volumes, so that the data is there at the next start).
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { freePort, portOr } from '../lib/ports.mjs';
import { poll } from '../lib/poll.mjs';
import { run } from '../lib/run.mjs';
import { brokerIsReady } from './kafka-wire.mjs';

export const KAFKA_IMAGE = 'apache/kafka:4.1.2';
export const POSTGRES_IMAGE = 'postgres:18-alpine';
export const REDIS_IMAGE = 'redis:8-alpine';
const HOST = '127.0.0.1';
const PULL_DEADLINE_MS = 10 * 60_000;
const READY_DEADLINE_MS = 120_000;

export async function dockerIsRunning() {
  const info = ['info', '--format', '{{.ServerVersion}}'];
  return run('docker', info, { deadlineMs: 8000 }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false,
  );
}

export function kafkaEnvironment(port) {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${HOST}:${port}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
    KAFKA_LOG_DIRS: '/var/lib/kafka/data',
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
    KAFKA_LOG_RETENTION_MS: '-1',
    KAFKA_HEAP_OPTS: '-Xmx512m -Xms128m',
  };
}

const kafkaAnswers = (port) =>
  poll(() => brokerIsReady(HOST, port), {
    deadlineMs: READY_DEADLINE_MS,
    stepMs: 200,
    what: `${KAFKA_IMAGE} does not answer on port ${port}`,
  });

/** For tests: gone when the tests are. */
export async function startTestContainers() {
  const { GenericContainer, Wait } = await import('testcontainers');
  const port = await freePort();
  const kafka = await new GenericContainer(KAFKA_IMAGE)
    .withEnvironment(kafkaEnvironment(port))
    .withExposedPorts({ container: 9092, host: port })
    .withStartupTimeout(PULL_DEADLINE_MS)
    .start();
  await kafkaAnswers(port);
  const secret = randomBytes(18).toString('base64url');
  const postgres = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_USER: 'fluxforge', POSTGRES_DB: 'fluxforge', POSTGRES_PASSWORD: secret })
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .withStartupTimeout(PULL_DEADLINE_MS)
    .start();
  const address = `${postgres.getHost()}:${postgres.getMappedPort(5432)}`;
  return {
    kafka: { brokers: `${HOST}:${port}`, stop: () => kafka.stop() },
    postgres: { url: `postgres://fluxforge:${secret}@${address}/fluxforge`, stop: () => postgres.stop() },
  };
}

/** Containers have one name per data folder, so that those of a crashed launcher are found and replaced. */
function nameFor(dataDir, part) {
  return `fluxforge-${createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 10)}-${part}`;
}

async function startContainer({ name, image, publish, volume, env }) {
  await run('docker', ['rm', '-f', name], { deadlineMs: 30_000 }).catch(() => undefined);
  const variables = Object.keys(env).flatMap((key) => ['-e', key]); // values by environment: not in `ps`
  const args = ['run', '-d', '--name', name, '-p', publish, '-v', volume, ...variables, image];
  await run('docker', args, { deadlineMs: PULL_DEADLINE_MS, env: { ...process.env, ...env } });
  return {
    stop: async () => {
      await run('docker', ['stop', '-t', '15', name], { deadlineMs: 30_000 });
      await run('docker', ['rm', '-f', name], { deadlineMs: 30_000 });
    },
  };
}

export async function startKafkaContainer({ dataDir, port }) {
  const bound = await portOr(port);
  const name = nameFor(dataDir, 'kafka');
  const volume = `${name}:/var/lib/kafka/data`;
  const publish = `${HOST}:${bound}:9092`;
  const container = await startContainer({
    name,
    image: KAFKA_IMAGE,
    publish,
    volume,
    env: kafkaEnvironment(bound),
  });
  await kafkaAnswers(bound);
  return { ...container, brokers: `${HOST}:${bound}`, port: bound };
}

export async function startPostgresContainer({ dataDir, port }) {
  const bound = await portOr(port);
  const name = nameFor(dataDir, 'postgres');
  fs.mkdirSync(dataDir, { recursive: true });
  const file = path.join(dataDir, 'password');
  if (!fs.existsSync(file)) fs.writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  const secret = fs.readFileSync(file, 'utf8').trim();
  const container = await startContainer({
    name,
    image: POSTGRES_IMAGE,
    publish: `${HOST}:${bound}:5432`,
    volume: `${name}:/var/lib/postgresql`,
    env: { POSTGRES_USER: 'fluxforge', POSTGRES_DB: 'fluxforge', POSTGRES_PASSWORD: secret },
  });
  // Over TCP: during its first initialisation the image serves its own socket only.
  const ready = ['exec', name, 'pg_isready', '-q', '-h', HOST, '-U', 'fluxforge'];
  await poll(
    () =>
      run('docker', ready, { deadlineMs: 5000 }).then(
        () => true,
        () => false,
      ),
    {
      deadlineMs: READY_DEADLINE_MS,
      stepMs: 300,
      what: `${POSTGRES_IMAGE} does not answer on port ${bound}`,
    },
  );
  return { ...container, url: `postgres://fluxforge:${secret}@${HOST}:${bound}/fluxforge`, port: bound };
}

/** For tests: keeps nothing, and is gone when it is stopped. */
export async function startRedisContainer({ dataDir, port, ready }) {
  const bound = await portOr(port);
  const name = nameFor(dataDir, 'redis');
  const docker = (...args) => run('docker', args, { deadlineMs: 30_000 });
  const remove = () => docker('rm', '-f', name).catch(() => undefined);
  await remove();
  const args = ['run', '-d', '--name', name, '-p', `${HOST}:${bound}:6379`, REDIS_IMAGE, 'redis-server'];
  await run('docker', [...args, '--save', '', '--appendonly', 'no'], { deadlineMs: PULL_DEADLINE_MS });
  const what = `${REDIS_IMAGE} does not answer on port ${bound}`;
  await poll(() => ready(bound), { deadlineMs: READY_DEADLINE_MS, stepMs: 100, what });
  return {
    url: `redis://${HOST}:${bound}`,
    port: bound,
    stop: remove,
    kill9: remove,
    pause: () => execFileSync('docker', ['pause', name]),
    resume: () => spawnSync('docker', ['unpause', name]),
  };
}
