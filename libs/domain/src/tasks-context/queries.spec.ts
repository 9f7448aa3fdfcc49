import { countQueue, queueOf, type QueueView } from './queries.js';
import { fact, t0, worldWith, type World } from './scenario.fixture.js';

function queued(tasks: number): World {
  const world = worldWith([]);
  for (let i = 0; i < tasks; i++) world.given(fact.queued(`x${i}`, { priority: i % 10 }));
  return world;
}

describe('a count of a queue', () => {
  it('tells apart what is queued by priority, and since when the oldest is ready', () => {
    const { state } = queued(25);
    expect(queueOf(state, 't', t0)).toMatchObject({
      queued: 25,
      leased: 0,
      byPriority: [3, 3, 3, 3, 3, 2, 2, 2, 2, 2],
      oldestReadySinceMs: t0,
    });
    expect(queueOf(state, 'nobody', t0)).toBeNull();
  });

  it('goes in steps, and bears what moves in between', () => {
    const world = queued(2_500);
    const steps = countQueue(world.state, 't', t0);
    expect(steps.next().done).toBe(false);
    const { state, nowMs } = world;
    for (const taskId of ['x0', 'x2400']) world.state.realms.get('t')!.tasks.delete(taskId);
    expect(steps.next().done).toBe(false);
    const end = steps.next();
    expect(end.done).toBe(true);
    const { byPriority } = end.value as QueueView;
    // One was counted before it went, the other was not.
    expect(byPriority.reduce((sum, one) => sum + one, 0)).toBe(2_499);
    expect(queueOf(state, 't', nowMs)!.byPriority.reduce((sum, one) => sum + one, 0)).toBe(2_498);
  });
});
