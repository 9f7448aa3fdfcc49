import { createKafkaLog } from '@fluxforge/events/kafka';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { describeProjector } from './projector.features.js';

jest.setTimeout(30_000);

describeProjector('projector over the log in memory', async () => {
  const cluster = new InMemoryCluster();
  return { connect: () => new InMemoryLog(cluster), close: async () => {} };
});

describeProjector('projector over Kafka', async () => {
  const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
  if (!brokers) throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS is not set; run this spec through `npm test`');
  let clients = 0;
  const connect = () =>
    createKafkaLog({ brokers: brokers.split(','), clientId: `projector-spec-${(clients += 1)}` });
  return { connect, close: async () => {} };
});
