import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { Scribe, someTask, writeAgent } from '@fluxforge/testing/history';
import { PartitionFold } from '@fluxforge/events/snapshots';
import { pastAnswer } from './past.js';

const rules = makeTasksContext(defaultTasksPolicy);
const atMs = Date.UTC(2025, 0, 1, 0, 0, 30);

function answer(write: (scribe: Scribe) => void) {
  const scribe = new Scribe('tasks');
  const limits = { max_queued_tasks: 10, max_agents: 10, max_states: 10 };
  scribe.event('tenant.created', { tenant_id: 't1', name: 't', limits });
  write(scribe);
  const records = scribe.stored();
  const fold = new PartitionFold(rules, 0, null);
  fold.feedOwn({ records, next: records.length, end: records.length });
  const question = { kind: 'explain-task', tenant_id: 't1', task_id: 'k' } as const;
  return pastAnswer(question, fold.folded, rules, atMs);
}

const queue = (scribe: Scribe) =>
  scribe.event('task.queued', { task_id: 'k', life: 1, kind: 'adhoc', spec: someTask });

describe('an answer as of a time', () => {
  it('takes agents that were found and not lost for connected, and says so', () => {
    const alone = answer(queue);
    expect(alone).toMatchObject({
      phase: 'queued',
      rule: 'no_agent_matches',
      as_of: new Date(atMs).toISOString(),
      assumed: ['agents_connected'],
    });
    const found = answer((scribe) => {
      writeAgent(scribe, 'a1');
      queue(scribe);
    });
    expect(found).toMatchObject({ rule: 'turn', position: 1 });
    const lost = answer((scribe) => {
      writeAgent(scribe, 'a1');
      scribe.event('agent.lost', { agent_id: 'a1', reason: 'no_answer' });
      queue(scribe);
    });
    expect(lost).toMatchObject({ rule: 'agent_lost' });
  });

  it('knows nothing of what came later', () => {
    expect(answer(() => undefined)).toBeNull();
  });
});
