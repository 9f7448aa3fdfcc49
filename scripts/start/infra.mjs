// Kafka and Postgres of `npm start`: supervised when they are ours to restart.
import { startKafkaContainer, startPostgresContainer } from '../infra/docker.mjs';
import { startKafka } from '../infra/kafka.mjs';
import { kafkaJars } from '../infra/kafka-jars.mjs';
import { startPostgres } from '../infra/postgres.mjs';
import { chooseKinds, startParts } from '../infra/resolve.mjs';

export async function startInfra({ data, ports, runId, supervisor, onLine }) {
  const { env } = process;
  const addresses = {
    kafka: {
      name: 'FLUXFORGE_KAFKA_BROKERS',
      value: env.FLUXFORGE_KAFKA_BROKERS,
      as: (brokers) => ({ brokers }),
    },
    postgres: { name: 'FLUXFORGE_POSTGRES_URL', value: env.FLUXFORGE_POSTGRES_URL, as: (url) => ({ url }) },
  };
  const kinds = await chooseKinds({ forced: env.FLUXFORGE_INFRA || undefined, addresses });
  if (kinds.kafka === 'embedded') await kafkaJars({ log: onLine });
  const kafka = { dataDir: data.path('kafka'), port: ports.kafka, runId };
  const postgres = { dataDir: data.path('postgres'), port: ports.postgres, runId, durable: true };
  const starters = {
    embedded: {
      kafka: () => supervisor.add('Kafka', (onSpawn) => startKafka({ ...kafka, quickStart: false, onSpawn })),
      postgres: () => supervisor.add('Postgres', (onSpawn) => startPostgres({ ...postgres, onSpawn })),
    },
    docker: {
      kafka: () => startKafkaContainer(kafka),
      postgres: () => startPostgresContainer(postgres),
    },
  };
  const parts = await startParts(kinds, addresses, starters);
  return {
    kinds,
    brokers: parts.kafka.brokers,
    url: parts.postgres.url,
    async stop() {
      await Promise.allSettled(
        [parts.kafka, parts.postgres].filter((p) => p.kind === 'docker').map((p) => p.stop()),
      );
    },
  };
}
