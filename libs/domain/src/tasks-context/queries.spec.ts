import fc from 'fast-check';
import { atOnce } from '@fluxforge/domain/kernel';
import { histories, History } from './history.fixture.js';
import { queueIn } from './queries.js';
import { fact, t0, worldWith } from './scenario.fixture.js';
import { type TasksState } from './state.js';

const told = (state: TasksState, tenantId: string, nowMs: number) => atOnce(queueIn(state, tenantId, nowMs));

describe('what is told of a queue', () => {
  it('is how much is queued by priority, and since when the oldest is ready', () => {
    const { state, nowMs } = worldWith([]).given(
      ...Array.from({ length: 25 }, (_, i) => fact.queued(`x${i}`, { priority: i % 10 })),
    );
    expect(told(state, 't', nowMs)).toMatchObject({
      queued: 25,
      leased: 0,
      byPriority: [3, 3, 3, 3, 3, 2, 2, 2, 2, 2],
      oldestReadySinceMs: t0,
    });
    expect(told(state, 'nobody', nowMs)).toBeNull();
  });

  it('is found in steps, which bear what moves in between', () => {
    const world = worldWith([]);
    // An older one may stand behind any of them.
    for (let i = 0; i < 2_500; i++) world.given(fact.queued(`x${i}`, { not_before_ms: t0 }));
    const steps = queueIn(world.state, 't', t0);
    expect(steps.next().done).toBe(false);
    const { tasks } = world.state.realms.get('t')!;
    tasks.delete('x0');
    expect(steps.next().done).toBe(false);
    expect(steps.next()).toMatchObject({ done: true, value: { oldestReadySinceMs: t0 } });
  });

  it('is what a look at each task finds, after any history', () => {
    const behind = { found: 0 };
    fc.assert(
      fc.property(histories, fc.constantFrom('log' as const, 'snapshot' as const), (steps, takeOverBy) => {
        const history = new History(takeOverBy);
        const { world } = history;
        for (const step of steps) {
          history.run(step);
          for (const { tenant, tasks } of world.state.realms.values()) {
            const queued = [...tasks.values()].filter(({ lease }) => !lease);
            const ready = queued.filter(({ readyAtMs }) => readyAtMs <= world.nowMs);
            const byPriority = Array.from({ length: 10 }, () => 0);
            for (const { spec } of queued) byPriority[spec.priority]! += 1;
            const oldest = Math.min(...ready.map(({ readyAtMs }) => readyAtMs));
            const oldestReadySinceMs = oldest === Infinity ? null : oldest;
            expect(told(world.state, tenant.id, world.nowMs)).toMatchObject({
              byPriority,
              oldestReadySinceMs,
            });
            if (ready.length > 0 && ready[0]!.readyAtMs > oldest) behind.found += 1;
          }
        }
      }),
      // A seed of its own: what the drawing reaches must not depend on the day.
      { numRuns: 300, seed: 5 },
    );
    expect(behind.found).toBeGreaterThan(20);
  });
});
