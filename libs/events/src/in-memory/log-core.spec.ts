import { type LogRecord, ReadError } from '../log/index.js';
import { InMemoryLogCore } from './index.js';

const tp = { topic: 't', partition: 1 };
const record = (text: string): LogRecord => ({ key: 'k', value: Buffer.from(text), headers: {} });
const texts = (core: InMemoryLogCore, from: number, max = Infinity, bytes = Infinity) =>
  core.read(tp, from, max, bytes).records.map((r) => String(r.value));

function coreWith(...values: string[]): InMemoryLogCore {
  const core = new InMemoryLogCore();
  core.createTopic('t', 2);
  if (values.length > 0) core.append(tp, values.map(record), 10);
  return core;
}

describe('in-memory log core', () => {
  it('answers base offsets and reads back what was appended, with the append time', () => {
    const core = coreWith('a', 'b');
    expect(core.append(tp, [record('c')], 25)).toBe(2);
    expect(core.read(tp, 1, 10)).toMatchObject({
      records: [
        { offset: 1, timestampMs: 10 },
        { offset: 2, timestampMs: 25 },
      ],
      next: 3,
      end: 3,
    });
    expect(core.end({ topic: 't', partition: 0 })).toBe(0);
  });

  it('bounds a read by records and by bytes, with at least one record', () => {
    const core = coreWith('a'.repeat(100), 'b', 'c');
    expect(texts(core, 0, 2)).toHaveLength(2);
    expect(texts(core, 0, Infinity, 1)).toEqual(['a'.repeat(100)]);
    expect(core.read(tp, 0, Infinity, 1).next).toBe(1);
  });

  it('reports reads outside the log', () => {
    const core = coreWith('a', 'b', 'c');
    core.trim(tp, 1);
    expect(() => core.read(tp, 0, 1)).toThrow(ReadError);
    expect(() => core.read(tp, 4, 1)).toThrow(ReadError);
    expect(texts(core, 1)).toEqual(['b', 'c']);
    expect(core.read(tp, 3, 1)).toEqual({ records: [], next: 3, end: 3 });
  });

  it('gives offsets out again after a truncation', () => {
    const core = coreWith('a', 'b', 'c');
    core.truncate(tp, 1);
    expect(core.append(tp, [record('x')], 0)).toBe(1);
    expect(texts(core, 0)).toEqual(['a', 'x']);
  });

  it('reads over holes and finds offsets by time', () => {
    const core = coreWith('a');
    core.partition(tp).leaveHole(2);
    expect(core.read(tp, 1, 10)).toEqual({ records: [], next: 3, end: 3 });
    core.append(tp, [record('b')], 50);
    expect(texts(core, 0)).toEqual(['a', 'b']);
    expect(core.partition(tp).offsetAt(11)).toBe(3);
    expect(core.partition(tp).offsetAt(51)).toBe(4);
  });

  it('appends and reads at the pace that the simulation needs', () => {
    const core = coreWith();
    const batch = [record('x')];
    const started = performance.now();
    for (let i = 0; i < 200_000; i += 1) {
      core.append(tp, batch, i);
      core.read(tp, i, 16);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
