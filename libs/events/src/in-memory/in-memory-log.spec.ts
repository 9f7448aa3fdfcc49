import { describeLog, type LogClient, type LogWorld } from '../log.features.js';
import { InMemoryCluster, InMemoryLog } from './index.js';

/** Faults are scripted, as there is no network here: what the client is told and what the log holds are the same. */
async function makeWorld(): Promise<LogWorld> {
  const cluster = new InMemoryCluster();
  const log = new InMemoryLog(cluster);
  const other = new InMemoryLog(cluster);
  const clients: InMemoryLog[] = [log, other];
  let topics = 0;
  return {
    log,
    other,
    topic: async (partitions) => {
      const topic = `topic-${(topics += 1)}`;
      const config = { 'message.timestamp.type': 'LogAppendTime' };
      await other.ensureTopics([{ topic, partitions, replication: 1, config }]);
      return topic;
    },
    connect: async () => {
      const client = new InMemoryLog(cluster);
      clients.push(client);
      return clientOf(client);
    },
    next: {
      lostAck: (tp) => cluster.script(tp, { kind: 'lost-ack' }),
      leadershipAfterAppend: (tp) => cluster.script(tp, { kind: 'leadership-after-append' }),
      notWritten: (tp) => cluster.script(tp, { kind: 'not-written' }),
      duplicate: (tp) => cluster.script(tp, { kind: 'duplicate' }),
      late: (tp) => {
        cluster.script(tp, { kind: 'late' });
        return () => cluster.landLate(tp);
      },
    },
    outage: () => cluster.setAvailable(false),
    heal: () => cluster.setAvailable(true),
    truncate: async (topic) => {
      for (let partition = 0; partition < cluster.core.partitionCount(topic); partition += 1) {
        cluster.truncate({ topic, partition }, 0);
      }
    },
    deliveredBytes: () => cluster.deliveredBytes,
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

function clientOf(log: InMemoryLog): LogClient {
  return { log, kill: () => log.kill(), interrupt: () => log.expel(), restore: () => {} };
}

describeLog('the log in memory', makeWorld);

describe('scripted faults of the log in memory', () => {
  const tp = { topic: 't', partition: 0 };
  const record = (text: string) => ({ key: null, value: Buffer.from(text), headers: {} });

  it('puts foreign records in between, drops batches for ever and holds appends back', async () => {
    const cluster = new InMemoryCluster();
    const log = new InMemoryLog(cluster);
    cluster.core.createTopic('t', 1);
    let release = () => {};
    const until = new Promise<void>((resolve) => (release = resolve));
    cluster.script(
      tp,
      { kind: 'foreign', records: [record('f')] },
      { kind: 'never' },
      { kind: 'held', until },
    );
    expect(await log.append(tp, [record('a')])).toBe(1);
    await expect(log.append(tp, [record('b')])).rejects.toMatchObject({ failure: 'unknown' });
    const held = log.append(tp, [record('c')]);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(cluster.core.end(tp)).toBe(2);
    release();
    expect(await held).toBe(2);
    await log.close();
  });
});
