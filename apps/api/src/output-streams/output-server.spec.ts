import { createHash } from 'node:crypto';
import { credentials, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import {
  AgentOutputClient,
  GapCause,
  OutputStream,
  type OutputFrame,
  type OutputMessage,
  type OutputReply,
} from '@fluxforge/agent-protocol';
import { type OutputChunk } from '@fluxforge/events/catalogue';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { signLease } from '@fluxforge/events/lease-token';
import { partitionOf } from '@fluxforge/events/partitioner';
import { topicSpecs } from '@fluxforge/events/topics';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { OutputServer, OutputSink } from './index.js';

const signingKey = 'k'.repeat(32);
const topic = 'spec.logs';
const tp = { topic, partition: partitionOf('ten_a', 4) };
const { STDOUT, STDERR } = OutputStream;

describe('the output server', () => {
  let cluster: InMemoryCluster;
  let log: InMemoryLog;
  let server: OutputServer;
  let client: AgentOutputClient;

  beforeEach(async () => {
    cluster = new InMemoryCluster();
    log = new InMemoryLog(cluster);
    await log.ensureTopics(topicSpecs('spec', { partitions: 4, replication: 1, minInsyncReplicas: 1 }));
    server = new OutputServer(
      new OutputSink(log, topic, 4, 1000),
      { signingKey, nowMs: () => 1000 },
      createLogger({ process: 'api', level: 'silent' }),
      new Metrics('api'),
    );
    const port = await server.listen({ host: '127.0.0.1', port: 0 });
    client = new AgentOutputClient(`127.0.0.1:${port}`, credentials.createInsecure());
  });
  afterEach(async () => {
    client.close();
    await server.close();
    await log.close();
  });

  it('writes what it takes, in order, and acknowledges when it is durable', async () => {
    const stream = open(client);
    const text = Buffer.from('hello\n');
    stream.send(
      openChannel(1),
      chunk(1, STDOUT, 0, text),
      chunk(1, STDERR, 0, Buffer.from('oops')),
      {
        channel: 1,
        body: { $case: 'gap', gap: { stream: STDOUT, seq: 1, bytes: 7, cause: GapCause.LIMIT } },
      },
      end(1, STDOUT, 2, 13, text),
    );
    const reply = await stream.next();
    expect(reply.refused).toEqual([]);
    expect(reply.acks).toEqual([
      { channel: 1, stream: STDOUT, nextSeq: 3 },
      { channel: 1, stream: STDERR, nextSeq: 1 },
    ]);
    const chunks = await stored(log);
    expect(chunks.map(({ stream: name, seq, gap_bytes }) => [name, seq, gap_bytes])).toEqual([
      ['stdout', 0, 0],
      ['stderr', 0, 0],
      ['stdout', 1, 7],
      ['stdout', 2, 0],
    ]);
    expect(chunks[0]).toMatchObject({
      tenant_id: 'ten_a',
      task_id: 'tsk_1',
      life: 1,
      attempt: 2,
      agent_id: 'agt_1',
    });
    expect(Buffer.from(chunks[0]?.data_base64 ?? '', 'base64').toString()).toBe('hello\n');
    expect(chunks[3]?.eof).toEqual({
      total_bytes: 13,
      sha256: sha256(text).toString('hex'),
      truncated: true,
    });
    stream.call.end();
  });

  it.each([
    ['forged', { key: 'o'.repeat(32) }],
    ['expired', { claim: { expires_at_ms: 999 } }],
    ['of another task', { claim: { task_id: 'tsk_2' } }],
    ['of another attempt', { claim: { attempt: 1 } }],
  ])('refuses a token that is %s, and writes nothing', async (_, wrong) => {
    const stream = open(client);
    stream.send(openChannel(1, wrong), chunk(1, STDOUT, 0, Buffer.from('x')));
    const { refused, acks } = await stream.next();
    expect(refused).toEqual([{ channel: 1, reason: expect.any(String) as string }]);
    expect(acks).toEqual([]);
    expect(await stored(log)).toEqual([]);
    stream.call.end();
  });

  it('keeps channels apart: what one may, another may not', async () => {
    const stream = open(client);
    stream.send(openChannel(1), chunk(2, STDOUT, 0, Buffer.from('x')), chunk(1, STDOUT, 0, Buffer.from('y')));
    const { refused, acks } = await stream.next();
    expect(refused.map((r) => r.channel)).toEqual([2]);
    expect(acks.map((a) => a.channel)).toEqual([1]);
    expect(await stored(log)).toHaveLength(1);
    stream.call.end();
  });

  it('ends the stream when the log fails, without acknowledging', async () => {
    const stream = open(client);
    cluster.script(tp, { kind: 'not-written' });
    stream.send(openChannel(1), chunk(1, STDOUT, 0, Buffer.from('x')));
    const error = await stream.failed;
    expect(error.code).toBe(14);
    const again = open(client);
    again.send(openChannel(1), chunk(1, STDOUT, 0, Buffer.from('x')));
    expect((await again.next()).acks).toEqual([{ channel: 1, stream: STDOUT, nextSeq: 1 }]);
    again.call.end();
  });

  it('splits what is too much for one batch, and loses no order', async () => {
    const stream = open(client);
    const piece = Buffer.alloc(32 * 1024, 'x');
    stream.send(openChannel(1), ...Array.from({ length: 100 }, (_, seq) => chunk(1, STDOUT, seq, piece)));
    expect((await stream.next()).acks).toEqual([{ channel: 1, stream: STDOUT, nextSeq: 100 }]);
    expect((await stored(log)).map((c) => c.seq)).toEqual(Array.from({ length: 100 }, (_, seq) => seq));
    stream.call.end();
  });

  it.each<[string, OutputMessage]>([
    ['a chunk that is too large', chunk(1, STDOUT, 0, Buffer.alloc(200_000))],
    ['a negative seq', chunk(1, STDOUT, -1, Buffer.from('x'))],
    ['no stream', chunk(1, OutputStream.UNSPECIFIED, 0, Buffer.from('x'))],
    [
      'a hash that is none',
      {
        channel: 1,
        body: { $case: 'end', end: { stream: STDOUT, seq: 0, totalBytes: 0, sha256: Buffer.from('x') } },
      },
    ],
  ])('closes a channel that sends %s', async (_, message) => {
    const stream = open(client);
    stream.send(openChannel(1), message, chunk(1, STDOUT, 1, Buffer.from('y')));
    const { refused, acks } = await stream.next();
    expect([refused.map((r) => r.channel), acks]).toEqual([[1], []]);
    stream.call.end();
  });
});

interface Stream {
  readonly call: ClientDuplexStream<OutputFrame, OutputReply>;
  readonly failed: Promise<ServiceError>;
  send(...messages: OutputMessage[]): void;
  next(): Promise<OutputReply>;
}

function open(client: AgentOutputClient): Stream {
  const call = client.push();
  const failed = new Promise<ServiceError>((resolve) => call.on('error', resolve));
  return {
    call,
    failed,
    send: (...messages) => call.write({ messages }),
    next: () => new Promise((resolve) => call.once('data', resolve)),
  };
}

function openChannel(channel: number, wrong: { key?: string; claim?: object } = {}): OutputMessage {
  const claim = {
    tenant_id: 'ten_a',
    agent_id: 'agt_1',
    task_id: 'tsk_1',
    life: 1,
    attempt: 2,
    expires_at_ms: 2000,
  };
  const token = signLease({ ...claim, ...wrong.claim }, wrong.key ?? signingKey);
  return { channel, body: { $case: 'open', open: { key: { taskId: 'tsk_1', life: 1, attempt: 2 }, token } } };
}

function chunk(channel: number, stream: OutputStream, seq: number, data: Buffer): OutputMessage {
  return { channel, body: { $case: 'chunk', chunk: { stream, seq, data, atMs: 0 } } };
}

function end(
  channel: number,
  stream: OutputStream,
  seq: number,
  totalBytes: number,
  text: Buffer,
): OutputMessage {
  return { channel, body: { $case: 'end', end: { stream, seq, totalBytes, sha256: sha256(text) } } };
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();

async function stored(log: InMemoryLog): Promise<OutputChunk[]> {
  const { records } = await log.read(tp, 0, { maxBytes: 1 << 26 });
  return records.map((record) => JSON.parse(record.value?.toString() ?? '') as OutputChunk);
}
