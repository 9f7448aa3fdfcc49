import { decodeEvent, header } from '@fluxforge/events/envelope';
import { at, Bench, many, Node } from './host.fixture.js';

describe('the partition host', () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('decides commands in log order, once each, also across a takeover', () => {
    many(7).forEach((id) => bench.command(id));
    a.lead();
    bench.command('c7');
    b.lead(2);
    expect(bench.truth()).toEqual(many(8));
    a.tickAfter(1500);
    expect(a.fallen).toEqual(['a newer claim']);
  });

  it('lets no effect out before its event is committed, and none of a void batch', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    expect(a.effects).toEqual(['resume with 0 and 0']);
    const out = a.take('append');
    b.lead(2);
    a.carryOut(out);
    a.run();
    expect(a.effects).toEqual(['resume with 0 and 0']);
    expect(b.effects).toEqual(['resume with 0 and 0', 'c0 of 1']);
    expect(bench.truth()).toEqual(['c0']);
  });

  it('says with each effect where its event lies', () => {
    a.lead();
    bench.command('c0');
    bench.command('c1');
    a.run();
    expect(a.offsets).toEqual([null, 1, 2]);
  });

  it('holds effects back while it has not seen the log for long', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    const out = a.take('append');
    bench.nowMs += 5000;
    a.carryOut(out);
    expect(a.host.fresh(bench.nowMs)).toBe(false);
    a.held.add('probe');
    a.run();
    expect(a.effects).toHaveLength(1);
    a.held.clear();
    a.tickAfter(1);
    expect(a.effects.at(-1)).toBe('c0 of 1');
  });

  it('settles a message only when all that it led to is committed', () => {
    a.lead();
    a.held.add('append');
    expect(a.host.offer('m1', 11, 'agent', bench.nowMs)).toBe(true);
    expect(a.host.offer('m2', 12, 'agent', bench.nowMs)).toBe(true);
    a.run();
    expect(a.settled).toEqual([]);
    a.carryOut(a.take('append'));
    a.run();
    expect(a.settled).toEqual([11]);
    a.carryOut(a.take('append'));
    a.run();
    expect(a.settled).toEqual([11, 12]);
  });

  it('takes no messages while it does not decide, and forgets those of a term that ended', () => {
    expect(a.host.offer('m0', 1, 'agent', bench.nowMs)).toBe(false);
    a.lead();
    a.held.add('append');
    a.host.offer('m1', 2, 'agent', bench.nowMs);
    a.run();
    a.host.appendFailed(a.take('append').id, 'unknown', bench.nowMs);
    a.held.clear();
    a.tickAfter(1000);
    expect(a.settled).toEqual([]);
    expect(bench.truth()).toEqual([]);
  });

  it('refuses messages above its bound instead of growing', () => {
    const small = new Node(bench, 'small', { maxQueuedMessages: 2 }).lead();
    small.held.add('append');
    const taken = [1, 2, 3, 4].map((ticket) => small.host.offer(`m${ticket}`, ticket, 'x', bench.nowMs));
    expect(taken).toEqual([true, true, true, false]);
  });

  it('never writes a time below that of the event before it, whatever its clock says', () => {
    a.lead();
    bench.command('c0');
    a.run();
    bench.nowMs -= 5000;
    bench.command('c1');
    b.lead(2);
    const times = bench.core
      .read(at('own'), 0, Infinity)
      .records.filter((record) => record.headers[header.seq])
      .map((record) => decodeEvent(record).fact.timeMs);
    expect(times).toEqual([10_000, 10_000]);
  });
});
