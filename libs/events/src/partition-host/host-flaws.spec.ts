import { header } from '@fluxforge/events/envelope';
import { at, Bench, many, Node } from './host.fixture.js';

describe('a partition host among poison and bugs', () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('parks a poison command, answers its sender, and goes on', () => {
    bench.command('c0');
    bench.poison('bad');
    bench.command('c1');
    a.held.add('dead-letter');
    a.lead();
    expect(bench.truth()).toEqual(['c0']);
    const letter = a.take('dead-letter');
    a.host.parked('commands', letter.record.offset + 7, bench.nowMs);
    expect(a.run().host.queued.commands).toBeGreaterThan(0);
    a.held.clear();
    a.carryOut(letter);
    a.run();
    expect(bench.truth()).toEqual(['c0', 'bad', 'c1']);
  });

  it('answers a command whose rule throws, and goes on', () => {
    bench.context.throwOn = 'c1';
    many(3).forEach((id) => bench.command(id));
    a.lead();
    expect(bench.truth()).toEqual(many(3));
    const refused = bench.core.read(at('own'), 0, Infinity).records.map((r) => r.headers[header.type]);
    expect(refused).toContain('command.rejected.v1');
  });

  it.each([
    ['decides', 'throwOn'],
    ['folds', 'throwOnView'],
  ] as const)('parks what the other context said when the rule that %s it throws, and goes on', (_, rule) => {
    bench.context[rule] = 'ask1';
    bench.foreign('ask0', 'ask1', 'ask2');
    a.held.add('dead-letter');
    a.lead().tickAfter(50);
    expect(bench.truth()).toEqual(['of-ask0']);
    const letter = a.take('dead-letter');
    expect(letter).toMatchObject({
      source: 'foreign',
      reason: expect.stringContaining('a bug in a') as string,
    });
    a.held.clear();
    a.carryOut(letter);
    a.run().tickAfter(2_000);
    expect(bench.truth()).toEqual(['of-ask0', 'of-ask2']);
    expect(a.stopped).toEqual([]);
    bench.context.throwOn = '';
    b.lead(2).tickAfter(2_000);
    expect(b.host.view.foreign).toEqual(a.host.view.foreign);
    expect(bench.truth().filter((subject) => subject !== 'tasks')).toEqual(['of-ask0', 'of-ask2']);
  });

  it('stops when its plan throws', () => {
    bench.context.throwOn = 'plan';
    a.lead();
    expect(a.stopped).toEqual([expect.stringContaining('a bug in the plan')]);
    expect(a.host.leading).toBe(false);
  });

  it('lets a message go whose rule throws, unsettled and not in silence, and goes on', () => {
    bench.context.throwOn = 'm1';
    a.lead();
    for (const [i, message] of ['m0', 'm1', 'm2'].entries()) a.host.offer(message, i, 'agent', bench.nowMs);
    a.run();
    expect(a.settled).toEqual([0, 2]);
    expect(a.dropped).toHaveLength(1);
    expect(bench.truth()).toEqual(['m0', 'm2']);
  });
});
