import {
  NotLedHere,
  TooManyQuestions,
  startQuestionServer,
  type Question,
  type QuestionServer,
} from '@fluxforge/events/owner-questions';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  keyEntry,
  partitions,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';

const headers = { authorization: 'Bearer ffk_secretkey' };
const queued = { phase: 'queued', rule: 'agents_full', remedies: [{ kind: 'add-agents' }] };

describe('explanations over HTTP', () => {
  let owner: QuestionServer;
  let api: InMemoryApi;
  let asked: Question[] = [];
  let answer: (question: Question) => unknown = () => null;

  beforeAll(async () => {
    owner = await startQuestionServer({
      address: { host: '127.0.0.1', port: 0 },
      signingKey: 'k'.repeat(32),
      answer: async (question) => {
        asked.push(question);
        return answer(question);
      },
      onError: (error) => {
        throw error;
      },
    });
    const from = { partition: partitionOf('ten_acme', partitions), offset: 1, generation: 1, address: '' };
    api = await startInMemory([
      tenantEntry('ten_acme'),
      keyEntry('ten_acme', 'ffk_secretkey', 'reader'),
      { kind: 'owner', context: 'tasks', questions: owner.address, ...from },
      { kind: 'owner', context: 'states', questions: owner.address, ...from },
    ]);
  });
  afterAll(async () => {
    await api.close();
    await owner.close();
  });
  beforeEach(() => (asked = []));

  it('asks the owner, for the tenant of the key', async () => {
    answer = () => queued;
    const { status, json } = await api.request('GET', '/v1/tasks/tsk_1/explain', { headers });
    expect([status, json]).toEqual([200, queued]);
    expect(asked).toEqual([{ kind: 'explain-task', tenant_id: 'ten_acme', task_id: 'tsk_1' }]);
  });

  it('puts what holds the task of a remediation beside what is said of the target', async () => {
    answer = ({ kind }) => (kind === 'explain-target' ? { reason: 'in_flight', task_id: 'rem-1' } : queued);
    const { json } = await api.request('GET', '/v1/states/st_1/targets/a1/explain', { headers });
    expect(json).toEqual({ reason: 'in_flight', task_id: 'rem-1', task: queued });
    answer = () => ({ reason: 'max_concurrency', task_id: null });
    const alone = await api.request('GET', '/v1/states/st_1/targets/a1/explain', { headers });
    expect(alone.json).toEqual({ reason: 'max_concurrency', task_id: null, task: null });
  });

  it('knows no target that the owner does not know', async () => {
    answer = () => null;
    const { status, json } = await api.request('GET', '/v1/states/st_1/targets/a1/explain', { headers });
    expect([status, json['code']]).toEqual([404, 'not_found']);
    answer = () => ({ absent: 'There is no agent a1.' });
    const told = await api.request('GET', '/v1/states/st_1/targets/a1/explain', { headers });
    expect([told.status, told.json['detail']]).toEqual([404, 'There is no agent a1.']);
  });

  it('asks again when the partition has moved, and then says that nobody answers', async () => {
    answer = () => {
      if (asked.length > 1) return queued;
      throw new NotLedHere();
    };
    expect((await api.request('GET', '/v1/tasks/tsk_1/explain', { headers })).status).toBe(200);
    answer = () => {
      throw new NotLedHere();
    };
    const gone = await api.request('GET', '/v1/tasks/tsk_1/explain', { headers });
    expect([gone.status, gone.json['code']]).toEqual([503, 'owner_unavailable']);
    expect(gone.headers['retry-after']).toBeDefined();
  });

  it('says that too many ask, and when to ask again, without asking twice', async () => {
    answer = () => {
      throw new TooManyQuestions();
    };
    const busy = await api.request('GET', '/v1/tasks/tsk_1/explain?as_of=2026-01-02T03:04:05Z', { headers });
    expect([busy.status, busy.json['code'], busy.headers['retry-after']]).toEqual([503, 'overloaded', '2']);
    expect(asked).toHaveLength(1);
  });

  it('runs what is asked for on the owner, and names what is wrong however deep', async () => {
    answer = () => ({ admitted: 2 });
    const body = {
      limits: { weight: 2 },
      drain_agents: ['a1'],
      add_tasks: [{ task: { command: 'true' }, count: 2 }],
    };
    const { status, json } = await api.request('POST', '/v1/simulations', { headers, body });
    expect([status, json]).toEqual([200, { admitted: 2 }]);
    expect(asked).toMatchObject([
      {
        kind: 'simulate',
        tenant_id: 'ten_acme',
        changes: { limits: { weight: 2 }, drain: ['a1'], tasks: [{ count: 2, spec: { command: 'true' } }] },
      },
    ]);
    const many = (count: number) => ({ task: { command: 'true' }, count });
    const most = { add_tasks: [many(600), many(400)] };
    expect((await api.request('POST', '/v1/simulations', { headers, body: most })).status).toBe(200);
    for (const [wrong, field] of [
      [{ limits: { weight: 0 } }, 'limits.weight'],
      [{ add_tasks: [{ task: { command: 'true', priority: 10 } }] }, 'add_tasks[0].task.priority'],
      [{ add_tasks: [{ task: { command: 'true' }, count: 1e9 }] }, 'add_tasks[0].count'],
      [{ add_tasks: [{ task: { command: 'true' }, job: {} }] }, 'add_tasks[0].job'],
      [{ add_tasks: [{}] }, 'add_tasks[0].task'],
      [{ drain: [] }, 'drain'],
      [{ add_tasks: [many(600), many(401)] }, 'add_tasks'],
    ]) {
      const refused = await api.request('POST', '/v1/simulations', { headers, body: wrong });
      expect([refused.status, refused.json['errors']]).toMatchObject([400, [{ field }]]);
    }
  });

  it('says of a body that no question can hold that it is too large, and asks nobody', async () => {
    const add_tasks = Array.from({ length: 100 }, () => ({ task: { command: 'x'.repeat(10_350) } }));
    const body = { add_tasks };
    expect(JSON.stringify(body).length).toBeLessThan(1024 * 1024);
    const { status, json } = await api.request('POST', '/v1/simulations', { headers, body });
    expect([status, json['code'], asked]).toEqual([413, 'body_too_large', []]);
  });

  it('asks about a time in the past, of the target and of its task, and never about one to come', async () => {
    const at = '2026-01-02T03:04:05.000Z';
    answer = ({ kind }) => (kind === 'explain-target' ? { reason: 'in_flight', task_id: 'rem-1' } : queued);
    const path = `/v1/states/st_1/targets/a1/explain?as_of=${at}`;
    expect((await api.request('GET', path, { headers })).status).toBe(200);
    expect(asked.map((one) => 'as_of_ms' in one && one.as_of_ms)).toEqual([Date.parse(at), Date.parse(at)]);
    for (const wrong of ['2999-01-01T00:00:00Z', 'yesterday']) {
      const refused = await api.request('GET', `/v1/tasks/tsk_1/explain?as_of=${wrong}`, { headers });
      expect([refused.status, refused.json['code']]).toEqual([400, 'invalid_parameter']);
    }
    answer = () => null;
    const unknown = await api.request('GET', `/v1/tasks/tsk_1/explain?as_of=${at}`, { headers });
    expect([unknown.status, unknown.json['code']]).toEqual([404, 'not_found']);
    answer = () => ({ too_long: 5 });
    const long = await api.request('GET', `/v1/tasks/tsk_1/explain?as_of=${at}`, { headers });
    expect([long.status, long.json['code']]).toEqual([422, 'history_too_long']);
  });

  it('asks nobody without a key', async () => {
    expect((await api.request('GET', '/v1/tasks/tsk_1/explain')).status).toBe(401);
    expect(asked).toEqual([]);
  });
});
