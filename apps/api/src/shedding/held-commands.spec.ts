import { InProcessCache } from '@fluxforge/cache';
import { type ContextName, type DirectoryEntry, type Limits } from '@fluxforge/events/catalogue';
import { partitionName } from '@fluxforge/events/hot-queue';
import { startQuestionServer } from '@fluxforge/events/owner-questions';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { serveGrpc } from '../grpc/index.js';
import {
  commandsOf,
  keyEntry,
  partitions,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';
import { freePort, RpcClient } from '../testing/rpc-client.js';

type Call = readonly [method: string, path: string, body?: object];

jest.setTimeout(60_000);

const deadlineMs = 20_000;
const tenantId = 'ten_acme';
const partition = partitionOf(tenantId, partitions);
/** The operator's tenant, on the same partition. */
const operator = Array.from({ length: 100 }, (_, n) => `ten_op${n}`).find(
  (id) => partitionOf(id, partitions) === partition,
)!;
const keyOf = (id: string) => `ffk_key_${id}`;
const maxLagRecords = 20;
const state = { selector: '*', check_cmd: 'true', apply_cmd: 'true' };
const declare = (n = 0): Call => ['POST', '/v1/states', { ...state, name: `s${n}` }];
const joinToken = `ffj_${tenantId}_${'0'.repeat(20)}`;
const schedule = { name: 's', cron: '@daily', task: { command: 'true' } };
const fanout = { selector: '*', task: { command: 'true' } };

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error('it did not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Of `it.each`, by name. */
const named = (calls: readonly Call[]) => calls.map((one) => ({ name: `${one[0]} ${one[1]}`, one }));

describe('commands that are held back', () => {
  let api: InMemoryApi;
  let cache: InProcessCache;
  afterEach(() => api?.close());

  async function start(over: Parameters<typeof startInMemory>[1] = {}, limits: Partial<Limits> = {}) {
    cache = new InProcessCache({ nowMs: Date.now });
    const tenant = (id: string): DirectoryEntry => {
      const entry = tenantEntry(id);
      if (entry.kind !== 'tenant') throw new Error('no tenant');
      return { ...entry, limits: { ...entry.limits, ...limits } };
    };
    const entries = [tenantId, operator].flatMap((id) => [tenant(id), keyEntry(id, keyOf(id))]);
    const options = { cache, maxLagRecords, operatorTenant: operator, answerDeadlineMs: 50 };
    api = await startInMemory(entries, { ...options, ...over });
  }

  const call = ([method, path, body]: Call, id = tenantId, headers: Record<string, string> = {}) =>
    api.request(method, path, { body, headers: { authorization: `Bearer ${keyOf(id)}`, ...headers } });
  const answered = async (...args: Parameters<typeof call>) => {
    const { status, json } = await call(...args);
    return [status, json['limit']];
  };
  const pulse = (context: ContextName, covered = 0) =>
    cache.put([[partitionName(partition, context), JSON.stringify({ covered, lag: 0 })]], 60_000);
  const written = async (context: ContextName, id = tenantId) =>
    (await commandsOf(api.log, id, context)).length;

  /** As many undecided commands as a tenant may have, without a look at the pulse before. */
  async function fill(context: ContextName, id = tenantId, count = maxLagRecords): Promise<void> {
    const end = (await written(context, id)) + count;
    for (let n = 0; n < count; n++) {
      const data = context === 'states' ? { state_id: `s${n}` } : { agent_id: `a${n}` };
      const type = context === 'states' ? 'state.resume' : 'agent.reset-breaker';
      const body = { type, data } as Parameters<typeof api.parts.ingest.submit>[0]['body'];
      await api.parts.ingest.submit({ body, resourceId: 'x', origin: { tenantId: id, actor: 'key:k' } });
    }
    expect(await written(context, id)).toBe(end);
  }

  const held = (one: Call, id?: string) => until(async () => (await answered(one, id))[0] === 429);
  const all = async (calls: readonly Call[], other?: Call) => {
    const found: unknown[] = [];
    for (const one of calls) {
      // After a pause the first request is let in: a busy machine must not make one between the two.
      if (other) await held(other);
      found.push([...one.slice(0, 2), ...(await answered(one))]);
    }
    return found;
  };
  const each = (calls: readonly Call[], ...answer: unknown[]) =>
    calls.map((one) => [...one.slice(0, 2), ...answer]);
  const refused = [429, 'partition_lag'];

  it('of states, by the lag of the partition of states', async () => {
    await start();
    const calls: readonly Call[] = [
      declare(1),
      ['PUT', '/v1/states/sta_1', { ...state, name: 's' }],
      ['POST', '/v1/states/sta_1/resume'],
    ];
    await fill('states');
    await pulse('tasks');
    expect(await all(calls)).toEqual(each(calls, 202, undefined));
    await pulse('states');
    expect(await all(calls, declare())).toEqual(each(calls, ...refused));
    const before = await written('states');
    const { headers, json } = await call(declare());
    expect([headers['retry-after'], json['code']]).toEqual(['1', 'lag_limited']);
    expect(await written('states')).toBe(before);
    expect(await answered(['POST', '/v1/tasks', { command: 'true' }])).toEqual([202, undefined]);
    await pulse('states', 1_000);
    await until(async () => (await answered(declare()))[0] === 202);
  });

  it('of states over gRPC as well', async () => {
    await start();
    const port = await freePort();
    await serveGrpc(api.app as NestFastifyApplication, { host: '127.0.0.1', port });
    const client = new RpcClient(`127.0.0.1:${port}`, { authorization: `Bearer ${keyOf(tenantId)}` });
    await fill('states');
    await pulse('states');
    await held(declare());
    const answer = await client.call('StateService', 'ResumeState', { id: 'sta_1' });
    expect(answer.problem).toMatchObject({ code: 'lag_limited', limit: 'partition_lag' });
    client.close();
  });

  it('of states, by what their owner says where no cache is shared', async () => {
    const owner = await startQuestionServer({
      address: { host: '127.0.0.1', port: 0 },
      signingKey: 'k'.repeat(32),
      answer: async ({ kind }) => (kind === 'pulse' ? { covered: 0, lag: 0 } : null),
      onError: () => undefined,
    });
    await start({ cache: null });
    const at = { partition, offset: 5, generation: 1, address: '', questions: owner.address };
    api.parts.directory.apply({ kind: 'owner', context: 'states', ...at });
    await fill('states');
    await held(declare());
    await owner.close();
  });

  it('of agents and all that makes work, by the lag of the partition of tasks', async () => {
    await start();
    const calls: readonly Call[] = [
      ['POST', '/v1/join-tokens', {}],
      ['POST', '/v1/agents/enrol', { name: 'a', join_token: joinToken, credential_hash: '1'.repeat(64) }],
      ['POST', '/v1/agents/agt_1/reset-breaker'],
      ['DELETE', '/v1/agents/agt_1'],
      ['POST', '/v1/failure-domains/eu/reset-breaker'],
      ['POST', '/v1/tenant/release-brake'],
      ['POST', '/v1/schedules', schedule],
      ['PUT', '/v1/schedules/sch_1', schedule],
      ['POST', '/v1/schedules/sch_1/resume'],
      ['POST', '/v1/fanouts', fanout],
      ['POST', '/v1/fanouts/fan_1/retry', {}],
    ];
    await fill('tasks');
    await pulse('tasks');
    expect(await all(calls, ['POST', '/v1/tenant/release-brake'])).toEqual(each(calls, ...refused));
  });

  it.each<[ContextName, Call, readonly Call[]]>([
    [
      'tasks',
      ['POST', '/v1/tenant/release-brake'],
      [
        ['POST', '/v1/tasks/tsk_1/cancel'],
        ['POST', '/v1/fanouts/fan_1/cancel'],
        ['POST', '/v1/schedules/sch_1/suspend'],
        ['DELETE', '/v1/schedules/sch_1'],
        ['POST', '/v1/agents/agt_1/drain'],
        ['POST', '/v1/agents/agt_1/undrain'],
        ['PUT', '/v1/tenant/mode', { mode: 'read-only' }],
        ['PATCH', '/v1/tenant/limits', { max_queued_tasks: 1 }],
      ],
    ],
    [
      'states',
      declare(),
      [
        ['POST', '/v1/states/sta_1/suspend'],
        ['DELETE', '/v1/states/sta_1'],
      ],
    ],
  ])(
    'not when they are means against it, until there are as many again: %s',
    async (context, other, means) => {
      await start();
      await fill(context);
      await pulse(context);
      await held(other);
      expect(await all(means)).toEqual(each(means, 202, undefined));
      await fill(context);
      expect(await all(means, other)).toEqual(each(means, ...refused));
    },
  );

  it("never the operator's means, whatever waits, his own or the tenant's", async () => {
    await start();
    await fill('tasks', operator, 3 * maxLagRecords);
    await fill('tasks', tenantId, 3 * maxLagRecords);
    await pulse('tasks');
    const drain: Call = ['POST', '/v1/agents/agt_1/drain'];
    await held(['POST', '/v1/tenant/release-brake'], operator);
    await held(drain);
    const limits = { max_queued_tasks: 1 };
    expect(await answered(drain, operator)).toEqual([202, undefined]);
    expect(await answered(['PUT', '/v1/tenant/mode', { mode: 'draining' }], operator)).toEqual([
      202,
      undefined,
    ]);
    expect(await answered(['PATCH', '/v1/tenant/limits', limits], operator)).toEqual([202, undefined]);
    const ofTenant: Call = ['PATCH', `/v1/tenants/${tenantId}/limits`, limits];
    expect(await answered(ofTenant, operator)).toEqual([202, undefined]);
    const cluster: Call = ['PUT', '/v1/cluster/mode', { mode: 'degraded' }];
    expect((await call(cluster, operator)).status).toBe(202);
    expect(await answered(drain)).toEqual(refused);
  });
});

describe('what makes tasks, at an API server', () => {
  let api: InMemoryApi;
  afterEach(() => api?.close());

  async function start(over: Partial<Limits>): Promise<void> {
    const entry = tenantEntry(tenantId);
    if (entry.kind !== 'tenant') throw new Error('no tenant');
    const tenant = { ...entry, limits: { ...entry.limits, ...over } };
    // Its clock stands still, so that nothing fills up meanwhile.
    const cache = new InProcessCache({ nowMs: () => 1_000_000 });
    api = await startInMemory([tenant, keyEntry(tenantId, keyOf(tenantId))], { cache });
  }
  const call = async ([method, path, body]: Call, key?: string) => {
    const headers = { authorization: `Bearer ${keyOf(tenantId)}`, ...(key && { 'idempotency-key': key }) };
    const { status, json } = await api.request(method, path, { body, headers });
    return status === 202 ? status : json['limit'];
  };
  const task: Call = ['POST', '/v1/tasks', { command: 'true' }];
  const made: readonly Call[] = [
    ['POST', '/v1/fanouts', fanout],
    ['POST', '/v1/fanouts/fan_1/retry', {}],
    ['POST', '/v1/schedules', schedule],
    ['PUT', '/v1/schedules/sch_1', schedule],
  ];

  it.each(named(made))('is one submission of the bucket that tasks take from: $name', async ({ one }) => {
    await start({ submissions_per_s: 1, submission_burst: 2 });
    expect([await call(task), await call(one)]).toEqual([202, 202]);
    const changed = one[1].includes('schedules') ? { ...schedule, name: 'other' } : one[2];
    expect(await call([one[0], one[1], changed])).toBe('submissions_per_s');
    expect(await call(task)).toBe('submissions_per_s');
  });

  it.each(named(made))('costs nothing of it when it is repeated: $name', async ({ one }) => {
    await start({ submissions_per_s: 1, submission_burst: 2 });
    expect(await call(one, 'known')).toBe(202);
    expect([await call(one, 'known'), await call(task), await call(task)]).toEqual([
      202,
      202,
      'submissions_per_s',
    ]);
    expect([await call(one, 'known'), await call(one, 'known')]).toEqual([202, 'submissions_per_s']);
  });

  it('is held to no depth: what is made waits for its room', async () => {
    await start({ max_queued_tasks: 1 });
    for (const one of made) expect(await call(one)).toBe(202);
  });

  it('what ends or pauses it costs nothing', async () => {
    await start({ submissions_per_s: 1, submission_burst: 1 });
    expect(await call(task)).toBe(202);
    const free: readonly Call[] = [
      ['POST', '/v1/schedules/sch_1/suspend'],
      ['POST', '/v1/schedules/sch_1/resume'],
      ['DELETE', '/v1/schedules/sch_1'],
      ['POST', '/v1/fanouts/fan_1/cancel'],
    ];
    for (const one of free) expect(await call(one)).toBe(202);
  });
});
