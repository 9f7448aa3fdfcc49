import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { TooManyQuestions, Turns } from '@fluxforge/events/owner-questions';
import { runSimulation } from './simulation.js';

describe('simulations on an owner', () => {
  it('run only so many at once, and give their places back', async () => {
    const state = makeTasksContext(defaultTasksPolicy).initial(0);
    const changes = { drain: [], undrain: [], tasks: [] };
    const question = { kind: 'simulate', tenant_id: 'nobody', changes } as const;
    const slices = new Turns(1);
    // A clock at which each slice is over before it began: the runs stay under way until they are awaited.
    let nowMs = 0;
    const run = () =>
      runSimulation(question, state, defaultTasksPolicy, { nowMs: () => (nowMs += 4), slices });
    const first = [run(), run()];
    await expect(run()).rejects.toBeInstanceOf(TooManyQuestions);
    await expect(Promise.all(first)).resolves.toEqual([null, null]);
    await expect(run()).resolves.toBeNull();
  });
});
