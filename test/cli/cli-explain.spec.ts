import { against, Refusal } from './fake-api.js';

jest.setTimeout(30_000);

const target = {
  bucket: 'hold',
  reason: 'max_failures',
  message: 'More agents are given up than max_failures allows (1 of 0): no further apply is started.',
  held_until: null,
  next_check_at: '2026-01-01T00:00:00.000Z',
  check_asked: false,
  attempts_used: 0,
  attempts: 3,
  task_id: null,
  last_task_id: 'rem-1',
  remedies: [{ kind: 'change-state', change: { max_failures: '1' } }],
  task: null,
};
const path = 'GET /v1/states/sta_1/targets/agt_1/explain';

async function lines(answer: object, args = ['explain', 'sta_1', 'agt_1'], at = path): Promise<string[]> {
  const { code, stdout } = await against({ [at]: answer }, args);
  expect(code).toBe(0);
  return stdout.trimEnd().split('\n');
}

describe('fluxforge explain', () => {
  it('says of a target what holds it, in a sentence, what was done last, and what would help', async () => {
    expect(await lines(target)).toEqual([
      'hold: max_failures',
      target.message,
      'attempts 0/3, next check 2026-01-01T00:00:00.000Z',
      'last apply: logs rem-1',
      'would help: change-state change={"max_failures":"1"}',
    ]);
    expect(await lines({ ...target, check_asked: true })).toContain('attempts 0/3, next check asked for');
  });

  it('names no remedy where none is needed, and nothing of checks as of then', async () => {
    const well = { ...target, bucket: 'match', reason: 'compliant', message: 'It is compliant.' };
    const remedies = [{ kind: 'none-needed' }];
    const then = { ...well, remedies, last_task_id: null, as_of: '2026-01-01T00:00:00.000Z' };
    expect(await lines(then)).toEqual(['match: compliant', 'It is compliant.', 'attempts 0/3']);
  });

  it('says of a task what it waits for and where it stands', async () => {
    const message = 'Agents that match *: 2 full; position 42, tenant weight 1/3.';
    const candidates = { by_reason: { agents_full: 2 } };
    const task = { phase: 'queued', rule: 'agents_full', message, held_by: [], candidates, remedies: [] };
    expect(await lines(task, ['explain', 'tsk_1'], 'GET /v1/tasks/tsk_1/explain')).toEqual([
      'queued: agents_full',
      message,
      'agents: 2 agents_full',
    ]);
  });

  it('says why there is no target', async () => {
    const detail = 'State sta_1 is not for agent agt_1: it selects zone=eu, and the agent has no labels.';
    const { code, stderr } = await against({ [path]: new Refusal(404, { code: 'not_found', detail }) }, [
      'explain',
      'sta_1',
      'agt_1',
    ]);
    expect([code, stderr]).toEqual([1, `fluxforge: not_found: ${detail}\n`]);
  });
});
