import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { type Fact } from '@fluxforge/events/catalogue';
import { someSpec } from './history.js';

export interface Blocking {
  readonly tasks: number;
  readonly chars: number;
  readonly serializeMs: number;
  readonly deserializeMs: number;
}

/** For how long the text of a large state is written, and read: each in one go, with nothing else in between. */
export function blockingOf(tasks: number): Blocking {
  const context = makeTasksContext(defaultTasksPolicy);
  const state = context.initial(0);
  const limits = { max_queued_tasks: 1_000_000, max_agents: 10_000, max_states: 10_000 };
  const tenantId = 'ten_bench';
  const timeMs = Date.now();
  const fold = (type: string, subject: string, data: object): void =>
    context.evolve(state, { type, data, tenantId, subject, id: subject, timeMs } as unknown as Fact as never);
  fold('tenant.created', tenantId, { tenant_id: tenantId, name: 'bench', limits });
  for (let i = 0; i < tasks; i += 1) {
    const task_id = `tsk_live_${i}`;
    fold('task.queued', task_id, { task_id, life: 1, kind: 'adhoc', spec: someSpec });
  }
  const startMs = performance.now();
  const text = context.serialize(state);
  const writtenMs = performance.now();
  const back = context.deserialize(text);
  const readMs = performance.now();
  if (back === null) throw new Error('the state does not come back');
  return { tasks, chars: text.length, serializeMs: writtenMs - startMs, deserializeMs: readMs - writtenMs };
}
