import fc from 'fast-check';
import { histories, History } from './history.fixture.js';
import { type TasksState } from './state.js';

function counted(state: TasksState): [string, number][] {
  return [...state.realms.values()].map(({ tenant, queuedBytes }) => [tenant.id, queuedBytes]);
}

function recounted(state: TasksState): [string, number][] {
  return [...state.realms.values()].map(({ tenant, tasks }) => {
    const queued = [...tasks.values()].filter(({ lease }) => !lease);
    const bytes = queued.map(({ spec }) => Buffer.byteLength(JSON.stringify(spec)));
    return [tenant.id, bytes.reduce((sum, one) => sum + one, 0)];
  });
}

describe('the bytes that wait', () => {
  it('are those of the queued tasks, after any history and whoever owns it', () => {
    const sometimes = { queued: 0, rejected: 0 };
    fc.assert(
      fc.property(histories, fc.constantFrom('log' as const, 'snapshot' as const), (steps, takeOverBy) => {
        const history = new History(takeOverBy);
        const { world } = history;
        for (const step of steps) {
          for (const event of history.run(step)) {
            if (event.type === 'task.rejected' && event.data.reason === 'quota_queued_bytes') {
              sometimes.rejected += 1;
            }
          }
          const now = counted(world.state);
          expect(now).toEqual(recounted(world.state));
          sometimes.queued += now.some(([, bytes]) => bytes > 0) ? 1 : 0;
        }
        const restored = world.context.deserialize(world.context.serialize(world.state))!;
        expect(counted(restored)).toEqual(counted(world.state));
      }),
      { numRuns: 300 },
    );
    expect([sometimes.queued > 1_000, sometimes.rejected > 5]).toEqual([true, true]);
  });
});
