import { startOfLog } from '@fluxforge/events/journal';
import { at, Bench, many, Node } from './host.fixture.js';

describe('a partition host that takes over', () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('rebuilds the foreign view before it decides, and takes what comes after as inputs', () => {
    bench.foreign('f0', 'ask1');
    a.lead();
    expect(bench.truth()).toEqual(['of-ask1']);
    bench.foreign('f2');
    b.lead(2);
    expect(b.host.view.foreign).toEqual(['f0', 'ask1', 'f2']);
    expect(b.effects[0]).toBe('resume with 1 and 2');
    expect(bench.truth().filter((subject) => subject !== 'tasks')).toEqual(['of-ask1']);
  });

  it('stops when the other context has another history than what it covered', () => {
    bench.foreign('ask0', 'ask1');
    a.lead();
    bench.core.truncate(at('foreign'), 0);
    bench.foreign('ask0', 'other');
    b.lead(2);
    expect(b.stopped).toEqual(['the other context has another history than the one that is covered']);
  });

  it('stops at an event of its own that cannot be folded, instead of going on without it', () => {
    many(3).forEach((id) => bench.command(id));
    a.lead();
    bench.context.throwOnFold = 'c1';
    b.lead(2).tickAfter(2_000);
    expect(b.stopped).toEqual([expect.stringContaining('cannot fold command.accepted at 2')]);
    expect(b.host.leading).toBe(false);
    expect(bench.core.end(at('own'))).toBe(4);
  });

  it('begins at a snapshot, and needs none', () => {
    many(4).forEach((id) => bench.command(id));
    a.lead();
    const position = a.host.position!;
    bench.snapshot = {
      position,
      commands: 4,
      foreign: startOfLog,
      lastEventMs: bench.nowMs,
      state: JSON.stringify({ counted: many(4), seen: [], foreign: [], plan: [] }),
    };
    bench.command('c4');
    b.lead(2);
    expect(b.host.view.counted).toEqual(many(5));
    bench.snapshot = null;
    const c = new Node(bench, 'c').lead(3);
    expect(c.host.view.counted).toEqual(many(5));
  });

  it('does not let a snapshot that comes late replace the state in use', () => {
    a.held.add('load-snapshot');
    a.lead();
    a.host.revoked();
    a.lead(2);
    expect(a.queue.filter(({ kind }) => kind === 'load-snapshot')).toHaveLength(2);
    bench.command('c0');
    a.host.snapshot(null);
    a.run();
    expect(a.host.view.counted).toEqual(['c0']);
    const late = { position: startOfLog, commands: 0, foreign: startOfLog, lastEventMs: 0 };
    a.host.snapshot({ ...late, state: JSON.stringify(bench.context.initial()) });
    expect(a.host.view.counted).toEqual(['c0']);
  });
});
