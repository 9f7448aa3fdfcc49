import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { Scribe, someTask, writeAgent, writeTask } from '@fluxforge/testing/history';
import { Turns } from '@fluxforge/events/owner-questions';
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
  const tools = { nowMs: () => performance.now(), slices: new Turns(1) };
  return pastAnswer(question, fold.folded, rules, atMs, tools);
}

const queue = (scribe: Scribe) =>
  scribe.event('task.queued', { task_id: 'k', life: 1, kind: 'adhoc', spec: someTask });

describe('an answer as of a time', () => {
  it('takes agents that were found and not lost for connected, and says so', async () => {
    const alone = await answer(queue);
    expect(alone).toMatchObject({
      phase: 'queued',
      rule: 'no_agent_matches',
      as_of: new Date(atMs).toISOString(),
      assumed: ['agents_connected'],
    });
    const found = await answer((scribe) => {
      writeAgent(scribe, 'a1');
      queue(scribe);
    });
    expect(found).toMatchObject({ rule: 'turn', position: 1 });
    const lost = await answer((scribe) => {
      writeAgent(scribe, 'a1');
      scribe.event('agent.lost', { agent_id: 'a1', reason: 'no_answer' });
      queue(scribe);
    });
    expect(lost).toMatchObject({ rule: 'agent_lost' });
  });

  it('assumes nothing of what the log says, and says of an output quota whether it may have held', async () => {
    const ended = await answer((scribe) => {
      writeAgent(scribe, 'a1');
      writeTask(scribe, 'k');
    });
    expect(ended).toMatchObject({ phase: 'ended', assumed: [] });
    const limited = await answer((scribe) => {
      const limits = {
        max_queued_tasks: 10,
        max_agents: 10,
        max_states: 10,
        output_bytes_per_hour: 3_000_000,
      };
      scribe.event('tenant.limits-set', { limits });
      writeAgent(scribe, 'a1');
      const other = { task_id: 'other', life: 1 };
      scribe.event('task.queued', { ...other, kind: 'adhoc', spec: someTask });
      const decision = { waited_ms: 0, effective_priority: 5, candidates: 1 };
      scribe.event('task.leased', { ...other, attempt: 1, agent_id: 'a1', lease_ms: 60_000, decision });
      queue(scribe);
    });
    expect(limited).toMatchObject({
      rule: 'quota_output_bytes',
      used: 2_097_152,
      assumed: ['agents_connected'],
    });
  });

  it('knows nothing of what came later', async () => {
    await expect(answer(() => undefined)).resolves.toBeNull();
  });
});
