import { fact, ok, result, type World, worldWith } from '../tasks-context/scenario.fixture.js';

let made = 0;
const queue = (
  world: World,
  key: string,
  priority = 5,
  strategy: 'queue' | 'round-robin' = 'round-robin',
) => {
  const id = `${key}${++made}`;
  const concurrency = { key, max: 9, strategy };
  world.given(fact.queued(id, { concurrency, priority, delivery_timeout_ms: 0 }));
};

/** Ends what runs, one after another, and says whose turn was next: the first letters of the tasks' ids. */
function served(world: World, count: number): string {
  let order = '';
  const { tasks } = world.state.realms.get('t')!;
  for (let i = 0; i < count; i++) {
    world.settle();
    const task = [...tasks.values()].find(({ lease }) => lease)!;
    order += task.id[0];
    world.say(result(task.id, task.lease!.agentId, ok, task.attemptsUsed));
  }
  return order;
}

describe('keys that take turns', () => {
  const one = () => worldWith(['a1'], { slots: 1 });

  it('are served one after another, however many tasks each has', () => {
    const world = one();
    for (const key of ['x', 'x', 'x', 'x', 'y', 'y', 'z']) queue(world, key);
    expect(served(world, 7)).toBe('xyzxyxx');
  });

  it('come in the order of their tasks when they only queue', () => {
    const world = one();
    for (const key of ['x', 'x', 'x', 'y']) queue(world, key, 5, 'queue');
    expect(served(world, 4)).toBe('xxxy');
  });

  it('let nobody jump in by being new each time', () => {
    const world = one();
    for (const key of ['x', 'x', 'x']) queue(world, key);
    queue(world, 'y');
    expect(served(world, 2)).toBe('xy');
    queue(world, 'y');
    // The second x has the slot already; the third waited before the new y came.
    expect(served(world, 3)).toBe('xxy');
  });

  it('give way to what is more urgent, and share the place of their most urgent task', () => {
    const world = one();
    queue(world, 'x');
    queue(world, 'x', 0);
    queue(world, 'y', 9);
    world.given(fact.queued('urgent', { priority: 1 }));
    world.given(fact.queued('later', { priority: 8 }));
    expect(served(world, 5)).toBe('xuyxl');
  });

  it('come in the order of priority within a key, whatever kinds of agents its tasks ask for', () => {
    const world = one();
    queue(world, 'x');
    const concurrency = { key: 'k', max: 9, strategy: 'round-robin' as const };
    world.given(
      fact.queued('low', { concurrency, priority: 9, executor: 'shell' }),
      fact.queued('high', { concurrency, priority: 0, executor: 'noop' }),
      fact.queued('middle', { concurrency, priority: 5, executor: 'noop' }),
    );
    expect(served(world, 4)).toBe('xhml');
  });

  it.each(['log', 'snapshot'] as const)('go on where they were for a new owner, by %s', (by) => {
    const world = one();
    for (const key of ['x', 'x', 'y', 'y', 'z', 'z']) queue(world, key);
    expect(served(world, 2)).toBe('xy');
    const before = world.state.realms.get('t')!.concurrency.image();
    expect(before.of).toHaveLength(3);
    if (by === 'log') world.takeOver();
    else world.state = world.context.deserialize(world.context.serialize(world.state))!;
    expect(world.state.realms.get('t')!.concurrency.image()).toEqual(before);
  });
});
