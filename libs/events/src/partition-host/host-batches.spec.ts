import { type LogRecord } from '@fluxforge/events/log';
import { Bench, many, Node } from './host.fixture.js';

describe("a partition host's batches", () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('gathers what comes while a batch is out into the next one', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    many(9).forEach((id) => bench.command(`x${id}`));
    a.run();
    const first = a.take('append');
    expect(first.records).toHaveLength(1);
    a.carryOut(first);
    a.run();
    expect(a.take('append').records).toHaveLength(9);
  });

  it('gives an input whose events do not fit a batch of its own, or refuses it by an event', () => {
    const small = new Node(bench, 'small', { maxBatchRecords: 8 });
    bench.context.perCommand = 6;
    bench.command('c0');
    bench.command('c1');
    small.lead();
    expect(bench.truth().filter((id) => !id.includes('-'))).toEqual(['c0', 'c1']);
    bench.context.perCommand = 9;
    bench.command('c2');
    small.run();
    expect(bench.truth().at(-1)).toBe('c2');
  });

  it('cuts a planned step down until its bytes fit', () => {
    const small = new Node(bench, 'small', { maxBatchBytes: 12_000 });
    bench.context.planned = many(12);
    bench.context.planSize = 2_000;
    small.lead().tickAfter(50);
    for (let i = 0; i < 12; i++) small.tickAfter(50);
    expect(bench.truth()).toEqual(many(12));
  });

  it('counts headers in the size of a batch, so that long reasons cannot make it too large for the log', () => {
    const small = new Node(bench, 'small', { maxBatchBytes: 40_000 });
    small.held.add('append');
    small.lead();
    small.carryOut(small.take('append'));
    many(40).forEach((id) => bench.command(id, 'ä'.repeat(2000)));
    small.run();
    let largest = 0;
    for (let out = small.take('append'); out; out = small.take('append')) {
      largest = Math.max(largest, bytesOf(out.records));
      small.carryOut(out);
      small.run();
    }
    expect(largest).toBeGreaterThan(4_000);
    expect(largest).toBeLessThan(40_000);
    expect(bench.truth()).toEqual(many(40));
  });

  it('covers inputs that gave no event by a progress record, at most once a second', () => {
    a.lead();
    bench.foreign('f0');
    a.run();
    expect(a.host.position?.seq).toBe(1);
    for (let i = 1; i < 20; i++) {
      bench.foreign(`f${i}`);
      a.tickAfter(100);
    }
    expect(a.host.position?.seq).toBeLessThanOrEqual(3);
    b.lead(2);
    expect(b.host.view.foreign).toHaveLength(20);
  });

  it('does not answer the progress of the other context with progress of its own, for ever', () => {
    bench.foreign('f0');
    a.lead().tickAfter(2_000);
    const { seq } = a.host.position!;
    for (let i = 0; i < 5; i++) {
      bench.foreignProgress();
      a.tickAfter(2_000);
    }
    expect(a.host.position?.seq).toBe(seq);
    bench.foreign('f1');
    a.tickAfter(2_000);
    expect(a.host.position?.seq).toBe(seq + 1);
  });
});

function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { value, headers }) => {
    const texts = Object.entries(headers).flat();
    return sum + (value?.length ?? 0) + texts.reduce((all, text) => all + Buffer.byteLength(text), 0);
  }, 0);
}
