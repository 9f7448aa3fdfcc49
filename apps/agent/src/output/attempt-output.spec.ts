import { createHash, randomBytes } from 'node:crypto';
import { GapCause, type OutputMessageBody, OutputStream } from '@fluxforge/agent-protocol';
import { AttemptOutput } from './attempt-output.js';
import { ByteBudget } from './byte-budget.js';

const { STDOUT, STDERR } = OutputStream;

function newOutput(limitBytes = 1e9, budget = new ByteBudget(1e9)): AttemptOutput {
  const key = { taskId: 't', life: 1, attempt: 1 };
  return new AttemptOutput({ key, token: 'x', channel: 1, limitBytes, budget, wallMs: () => 0 });
}

const seqs = (bodies: OutputMessageBody[]): number[] => bodies.map((body) => partOf(body).seq);
const data = (bodies: OutputMessageBody[]): Buffer =>
  Buffer.concat(bodies.flatMap((body) => (body.$case === 'chunk' ? [body.chunk.data] : [])));
const gaps = (bodies: OutputMessageBody[]): [number, GapCause][] =>
  bodies.flatMap((body): [number, GapCause][] =>
    body.$case === 'gap' ? [[body.gap.bytes, body.gap.cause]] : [],
  );

function partOf(body: OutputMessageBody): { seq: number; stream: OutputStream } {
  switch (body.$case) {
    case 'open':
      throw new Error('not of a stream');
    case 'chunk':
      return body.chunk;
    case 'gap':
      return body.gap;
    case 'end':
      return body.end;
  }
}

describe('the output of an attempt', () => {
  it('is dense from 0, whole, and ends with size and hash, whatever the bytes are', () => {
    const output = newOutput();
    const bytes = randomBytes(200_000);
    for (let at = 0; at < bytes.length; at += 7777) output.write(STDOUT, bytes.subarray(at, at + 7777));
    output.end();
    const taken = output.take(Infinity).filter((body) => partOf(body).stream === STDOUT);
    expect(seqs(taken)).toEqual(taken.map((_, index) => index));
    expect(data(taken).equals(bytes)).toBe(true);
    expect(taken.at(-1)).toMatchObject({
      end: { totalBytes: 200_000, sha256: createHash('sha256').update(bytes).digest() },
    });
  });

  it('sends again what was not acknowledged, unchanged, under the same seq', () => {
    const output = newOutput();
    output.write(STDOUT, Buffer.from('one'));
    const first = output.take(Infinity);
    output.write(STDOUT, Buffer.from('two'));
    const second = output.take(Infinity);
    expect([seqs(first), seqs(second)]).toEqual([[0], [1]]);
    output.acknowledge(STDOUT, 1);
    output.rewind();
    expect(output.take(Infinity)).toEqual(second);
    output.acknowledge(STDOUT, 1);
    output.end();
    output.rewind();
    expect(seqs(output.take(Infinity).filter((body) => partOf(body).stream === STDOUT))).toEqual([1, 2]);
  });

  it('keeps the streams apart', () => {
    const output = newOutput();
    output.write(STDERR, Buffer.from('e'));
    output.write(STDOUT, Buffer.from('o'));
    const taken = output.take(Infinity);
    expect(seqs(taken)).toEqual([0, 0]);
    expect(output.end()).toEqual({ stdoutBytes: 1, stderrBytes: 1, truncated: false });
  });

  it('says on a new connection again that the limit cut it, even if that was acknowledged', () => {
    const output = newOutput(2);
    output.write(STDOUT, Buffer.from('0123'));
    output.end();
    const ofStdout = (): OutputMessageBody[] =>
      output.take(Infinity).filter((body) => partOf(body).stream === STDOUT);
    const first = ofStdout();
    expect(first.map((body) => body.$case)).toEqual(['chunk', 'gap', 'end']);
    output.acknowledge(STDOUT, 2);
    output.rewind();
    expect(ofStdout()).toEqual(first.slice(1));
    output.acknowledge(STDOUT, 2);
    output.acknowledge(STDOUT, 3);
    output.rewind();
    expect(ofStdout()).toEqual([]);
  });

  it('cuts at the limit and marks how much is missing', () => {
    const output = newOutput(10);
    output.write(STDOUT, Buffer.from('0123456'));
    output.write(STDOUT, Buffer.from('789abcdef'));
    output.write(STDOUT, Buffer.from('ghi'));
    expect(output.end()).toEqual({ stdoutBytes: 19, stderrBytes: 0, truncated: true });
    const taken = output.take(Infinity).filter((body) => partOf(body).stream === STDOUT);
    expect(data(taken).toString()).toBe('0123456789');
    expect(gaps(taken)).toEqual([[9, GapCause.LIMIT]]);
  });

  it('marks what the buffer could not hold, and goes on behind it', () => {
    const budget = new ByteBudget(40_000);
    const output = newOutput(1e9, budget);
    output.write(STDOUT, Buffer.alloc(30_000, 'a'));
    output.write(STDOUT, Buffer.alloc(30_000, 'b'));
    const first = output.take(Infinity);
    expect(seqs(first)).toEqual([0]);
    output.acknowledge(STDOUT, 1);
    output.write(STDOUT, Buffer.from('c'));
    output.end();
    const rest = output.take(Infinity).filter((body) => partOf(body).stream === STDOUT);
    const lost = gaps(rest).reduce((sum, [bytes]) => sum + bytes, 0);
    expect(seqs(rest)).toEqual(rest.map((_, index) => index + 1));
    expect(data(first).length + data(rest).length + lost).toBe(60_001);
    expect(lost).toBeGreaterThan(0);
  });

  it('gives all its room back: by acknowledgement or when nobody wants it', () => {
    for (const finish of ['acknowledge', 'discard'] as const) {
      const budget = new ByteBudget(1e6);
      const output = newOutput(1e9, budget);
      output.write(STDOUT, Buffer.alloc(100_000));
      output.write(STDERR, Buffer.from('x'));
      output.end();
      output.take(Infinity);
      if (finish === 'discard') output.discard();
      else for (const stream of [STDOUT, STDERR]) output.acknowledge(stream, 1000);
      expect(budget.take(1e6)).toBe(true);
      expect(output.isDone()).toBe(true);
    }
  });

  it('only counts after it was given up', () => {
    const budget = new ByteBudget(1e6);
    const output = newOutput(1e9, budget);
    output.discard();
    output.write(STDOUT, Buffer.alloc(1000));
    expect(output.end()).toEqual({ stdoutBytes: 1000, stderrBytes: 0, truncated: false });
    expect(output.take(Infinity)).toEqual([]);
    expect(budget.take(1e6)).toBe(true);
  });

  it('bounds the bookkeeping of tiny chunks too', () => {
    const budget = new ByteBudget(10_000);
    const output = newOutput(1e9, budget);
    let chunks = 0;
    for (let i = 0; i < 1000; i += 1) {
      output.write(STDOUT, Buffer.from('x'));
      chunks += output.take(Infinity).length;
    }
    expect(chunks).toBeLessThan(50);
  });
});
