import { randomUUID } from 'node:crypto';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { AssignerProtocol, Kafka, logLevel } from 'kafkajs';
import { describeLog, eventually, type LogClient, type LogWorld } from '../log.features.js';
import { type LogPort, type TopicPartition } from '../log/index.js';
import { createKafkaLog } from './index.js';
import { patchRequestQueue } from './request-queue-patch.js';

jest.setTimeout(30_000);

const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
if (!brokers)
  throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS must name a Kafka broker (host:port); npm test sets it');
const [host, port] = brokers.split(',')[0]!.split(':') as [string, string];
const target = { host, port: Number(port) };
const prefix = `log-features-${randomUUID().slice(0, 8)}`;
const topicConfig = { 'message.timestamp.type': 'LogAppendTime' };

patchRequestQueue();
const admin = new Kafka({ brokers: [brokers], clientId: prefix, logLevel: logLevel.NOTHING }).admin();

beforeAll(() => admin.connect());
afterAll(async () => {
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
});

function logThrough(proxy: FaultProxy, clientId: string): LogPort {
  return createKafkaLog({ brokers: [brokers!], clientId, resolveBroker: () => proxy.address });
}

/** The answer to a produce names the topic, then the partition, then the error code, then the offset. */
function asNotLeader(topic: string): (chunk: Buffer) => Buffer {
  return (chunk) => {
    const at = chunk.indexOf(topic);
    if (at < 0) return chunk;
    const errorAt = at + topic.length + 8;
    chunk.writeInt16BE(6, errorAt);
    chunk.writeBigInt64BE(-1n, errorAt + 2);
    return chunk;
  };
}

async function makeWorld(): Promise<LogWorld> {
  const proxy = await FaultProxy.start(target);
  const log = logThrough(proxy, `${prefix}-log`);
  const other = createKafkaLog({ brokers: [brokers!], clientId: `${prefix}-other` });
  const clients: { proxy: FaultProxy; log: LogPort }[] = [];
  let topics = 0;
  return {
    log,
    other,
    topic: async (partitions) => {
      const topic = `${prefix}-${(topics += 1)}`;
      await other.ensureTopics([{ topic, partitions, replication: 1, config: topicConfig }]);
      return topic;
    },
    connect: async () => {
      const own = await FaultProxy.start(target);
      const client = { proxy: own, log: logThrough(own, `${prefix}-client-${clients.length}`) };
      clients.push(client);
      return clientOf(client);
    },
    next: {
      lostAck: () => proxy.eatReplies(),
      leadershipAfterAppend: ({ topic }) => proxy.changeReplies(asNotLeader(topic)),
      notWritten: async (tp) => {
        proxy.refuse();
        // Until the client has noticed: what it sends into a connection that is being reset is rightly unknown.
        await expect(log.offsets(tp)).rejects.toMatchObject({ failure: 'unavailable' });
      },
      duplicate: () => proxy.changeRequests((chunk) => Buffer.concat([chunk, chunk])),
      late: () => {
        proxy.holdRequests();
        return () => proxy.letGo();
      },
    },
    outage: () => proxy.refuse(),
    heal: () => proxy.heal(),
    truncate: (topic) => recreate(other, topic),
    deliveredBytes: () => proxy.bytesDown,
    close: async () => {
      await Promise.all([log, other, ...clients.map((client) => client.log)].map((each) => each.close()));
      await Promise.all([proxy, ...clients.map((client) => client.proxy)].map((each) => each.close()));
    },
  };
}

function clientOf({ proxy, log }: { proxy: FaultProxy; log: LogPort }): LogClient {
  return {
    log,
    kill: async () => proxy.refuse(),
    interrupt: () => proxy.refuse(),
    restore: () => proxy.heal(),
  };
}

/** A broker cannot be made to lose a log's tail, so the topic is deleted and made anew, empty. */
async function recreate(log: LogPort, topic: string): Promise<void> {
  const { partitions } = await log.topicSettings(topic);
  await admin.deleteTopics({ topics: [topic] });
  await eventually('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
  await log.ensureTopics([{ topic, partitions, replication: 1, config: topicConfig }]);
}

describeLog('the log on Kafka', makeWorld);

describe('what only the log on Kafka has', () => {
  let proxy: FaultProxy;
  let log: LogPort;
  let tp: TopicPartition;
  let count = 0;
  const record = (text: string) => ({ key: 'k', value: Buffer.from(text), headers: {} });

  beforeEach(async () => {
    proxy = await FaultProxy.start(target);
    log = logThrough(proxy, `${prefix}-own`);
    tp = { topic: `${prefix}-own-${(count += 1)}`, partition: 1 };
    await log.ensureTopics([{ topic: tp.topic, partitions: 4, replication: 1, config: topicConfig }]);
  });

  afterEach(async () => {
    const startedMs = performance.now();
    await log.close();
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await proxy.close();
  });

  it('keeps its deadlines in a blackhole', async () => {
    await log.append(tp, [record('a')], { timeoutMs: 3_000 });
    await log.read(tp, 0, { maxBytes: 1_000, timeoutMs: 3_000 });
    proxy.blackhole();
    const startedMs = performance.now();
    const append = log.append(tp, [record('b')], { timeoutMs: 300 });
    const read = log.read(tp, 0, { maxBytes: 1_000, timeoutMs: 300 });
    await expect(append).rejects.toMatchObject({ failure: 'unknown' });
    await expect(read).rejects.toMatchObject({ failure: 'unavailable' });
    expect(performance.now() - startedMs).toBeLessThan(600);
    await proxy.heal();
    expect(await log.append(tp, [record('c')], { timeoutMs: 3_000 })).toBe(1);
  });

  it('calls a connection that is reset with the request out unknown', async () => {
    await log.append(tp, [record('a')], { timeoutMs: 3_000 });
    proxy.holdRequests();
    const append = log.append(tp, [record('b')], { timeoutMs: 3_000 });
    const before = proxy.bytesUp;
    await eventually('the request is out', () => proxy.bytesUp > before);
    proxy.reset();
    await expect(append).rejects.toMatchObject({ failure: 'unknown' });
    await proxy.heal();
    expect(await log.append(tp, [record('c')], { timeoutMs: 3_000 })).toBe(1);
  });

  it('takes a tail through a blackhole, a delay and resets', async () => {
    const seen: string[] = [];
    const tail = log.tail({
      onBatch: (_, batch) => void seen.push(...batch.records.map(({ value }) => String(value))),
      onError: () => {},
    });
    tail.follow(tp, 0);
    for (const [i, fault] of [
      () => proxy.reset(),
      () => proxy.cut(),
      () => proxy.delay(20),
      () => proxy.blackhole(),
    ].entries()) {
      fault();
      await eventually('the append', () =>
        log.append(tp, [record(String(i))], { timeoutMs: 500 }).then(
          () => true,
          async () => {
            await proxy.heal();
            return false;
          },
        ),
      );
      await proxy.heal();
      await eventually(`record ${i}`, () => seen.includes(String(i)));
    }
    await tail.close();
    const stored = await log.read(tp, 0, { maxBytes: 100_000, timeoutMs: 3_000 });
    expect(seen).toEqual(stored.records.map(({ value }) => String(value)));
  });

  it('asks who leads when a fetch is refused, and goes on without a gap', async () => {
    const seen: number[] = [];
    const failures: string[] = [];
    const tail = log.tail({
      onBatch: (_, batch) => void seen.push(...batch.records.map(({ offset }) => offset)),
      onError: (_, error) => void failures.push(error.failure),
    });
    tail.follow(tp, 0);
    await log.append(tp, [record('a')], { timeoutMs: 3_000 });
    await eventually('the first record', () => seen.length === 1);
    const other = createKafkaLog({ brokers: [brokers], clientId: `${prefix}-beside` });
    const refuse = asNotLeader(tp.topic);
    let refused = false;
    proxy.changeReplies((chunk) => {
      if (refused || !chunk.includes(tp.topic)) return chunk;
      refused = true;
      return refuse(chunk);
    });
    await other.append(tp, [record('b')], { timeoutMs: 3_000 });
    await eventually('the record behind the refusal', () => seen.length === 2);
    expect([seen, failures]).toEqual([[0, 1], ['unavailable']]);
    await tail.close();
    await other.close();
  });

  it('stays in its group through an outage that is shorter than the session', async () => {
    const assigned: number[] = [];
    let lost = 0;
    let beats = 0;
    const membership = await log.join(
      {
        group: `${tp.topic}-group`,
        topics: [tp.topic],
        metadata: '',
        sessionTimeoutMs: 4_000,
        heartbeatIntervalMs: 100,
        rebalanceTimeoutMs: 4_000,
      },
      {
        onAssigned: (_, generation) => assigned.push(generation),
        onHeartbeat: () => (beats += 1),
        onLost: () => (lost += 1),
      },
    );
    await eventually('heartbeats', () => beats > 2);
    proxy.refuse();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await proxy.heal();
    const before = beats;
    await eventually('heartbeats again', () => beats > before + 2);
    expect([assigned.length, lost]).toEqual([1, 0]);
    await membership.close();
  });

  it('assigns the same partitions of every topic', async () => {
    const second = `${tp.topic}-b`;
    await log.ensureTopics([{ topic: second, partitions: 4, replication: 1, config: {} }]);
    const group = `${tp.topic}-co`;
    const options = {
      group,
      topics: [tp.topic, second],
      metadata: '',
      sessionTimeoutMs: 4_000,
      heartbeatIntervalMs: 100,
      rebalanceTimeoutMs: 4_000,
    };
    const handlers = { onAssigned: () => {}, onHeartbeat: () => {}, onLost: () => {} };
    const members = [await log.join(options, handlers), await log.join(options, handlers)];
    await eventually('two members', async () => (await members[0]!.view()).members.length === 2);
    const [described] = (await admin.describeGroups([group])).groups;
    for (const { memberAssignment } of described!.members) {
      const assignment = AssignerProtocol.MemberAssignment.decode(memberAssignment)!.assignment;
      expect(assignment[tp.topic]).toHaveLength(2);
      expect(assignment[tp.topic]).toEqual(assignment[second]);
    }
    await Promise.all(members.map((member) => member.close()));
    expect((await admin.fetchOffsets({ groupId: group, topics: [tp.topic] }))[0]!.partitions[0]!.offset).toBe(
      '-1',
    );
  });
});
