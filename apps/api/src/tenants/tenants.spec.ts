import {
  commandsOf,
  keyEntry,
  startInMemory,
  tenantEntry,
  topics,
  writeEntry,
  partitions,
  type InMemoryApi,
} from '../testing/api-in-memory.js';
import { decodeCommand } from '@fluxforge/events/envelope';
import { partitionOf } from '@fluxforge/events/partitioner';

const deadlineMs = 10_000;

async function until(holds: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + deadlineMs;
  while (!(await holds()) && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('limits and modes over HTTP', () => {
  let api: InMemoryApi;
  const send = (method: string, path: string, body?: unknown, key = 'ffk_adminkey0') =>
    api.request(method, path, { body, headers: { authorization: `Bearer ${key}` } });

  beforeAll(async () => {
    api = await startInMemory([
      tenantEntry('ten_acme'),
      tenantEntry('ten_operator'),
      keyEntry('ten_acme', 'ffk_adminkey0', 'admin'),
      keyEntry('ten_acme', 'ffk_writerkey', 'writer'),
      keyEntry('ten_operator', 'ffk_operatorkey', 'admin'),
    ]);
  });
  afterAll(() => api.close());

  it('shows them', async () => {
    const { json } = await send('GET', '/v1/tenant');
    expect(json).toMatchObject({ id: 'ten_acme', mode: 'normal', limits: { max_queued_tasks: 10 } });
    expect(json['limits']).toMatchObject({
      max_queued_bytes: 256 * 1024 * 1024,
      max_declared_bytes: 64 * 1024 * 1024,
    });
  });

  it('passes on what is to be different and no more, as one that may only lower', async () => {
    const { status } = await send('PATCH', '/v1/tenant/limits', { max_running_tasks: 5, max_agents: 9 });
    expect(status).toBe(202);
    const command = (await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1);
    const change = { set: { max_running_tasks: 5, max_agents: 9 }, unset: [] };
    expect(command?.data).toEqual({ change, only_lower: true });
    expect(command?.type).toBe('tenant.set-limits');
  });

  it.each([
    { weight: 2 },
    { max_queued_bytes: 2 ** 29 },
    { max_declared_bytes: 2 ** 26 + 1 },
    { max_queued_tasks: 11 },
    { max_agents: 5, max_states: 11 },
  ])('lets no tenant raise its own limits where an operator is named: %j', async (body) => {
    const before = (await commandsOf(api.log, 'ten_acme', 'tasks')).length;
    const { status, json } = await send('PATCH', '/v1/tenant/limits', body);
    expect([status, json['code']]).toEqual([403, 'forbidden']);
    expect(await commandsOf(api.log, 'ten_acme', 'tasks')).toHaveLength(before);
  });

  it('lets the operator raise and lift those of any tenant, and nobody else', async () => {
    const path = '/v1/tenants/ten_acme/limits';
    const body = { weight: 3, max_queued_tasks: 500, max_running_tasks: null };
    expect((await send('PATCH', path, body)).status).toBe(403);
    expect((await send('PATCH', path, body, 'ffk_operatorkey')).status).toBe(202);
    const command = (await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1);
    expect(command?.data).toEqual({
      change: { set: { max_queued_tasks: 500, weight: 3 }, unset: ['max_running_tasks'] },
    });
    expect(command?.provenance.actor).toMatch(/^key:key_/);
    expect((await send('PATCH', '/v1/tenants/ten_none/limits', body, 'ffk_operatorkey')).status).toBe(404);
    const flawed = await send('PATCH', path, { max_agents: null }, 'ffk_operatorkey');
    expect([flawed.status, flawed.json['errors']]).toMatchObject([400, [{ field: 'max_agents' }]]);
  });

  it.each([
    [{ weight: 0 }, 'weight'],
    [{ max_queued_tasks: 0 }, 'max_queued_tasks'],
    [{ max_running_tasks: -1 }, 'max_running_tasks'],
    [{ submissions_per_s: 0.5 }, 'submissions_per_s'],
    [{ submission_burst: 1e300 }, 'submission_burst'],
    [{ output_bytes_per_hour: '1' }, 'output_bytes_per_hour'],
    [{ max_everything: 1 }, 'max_everything'],
    [{ max_agents: 2.5 }, 'max_agents'],
    [{ max_states: null }, 'max_states'],
    [{ max_queued_bytes: 0 }, 'max_queued_bytes'],
    [{ max_queued_bytes: 2 ** 40 + 1 }, 'max_queued_bytes'],
    [{ max_declared_bytes: 0 }, 'max_declared_bytes'],
    [{ unset: ['weight'] }, 'unset'],
  ])('refuses %j and names the field', async (body, field) => {
    const { status, json } = await send('PATCH', '/v1/tenant/limits', body);
    expect([status, json['errors']]).toMatchObject([400, [{ field }]]);
  });

  it('passes on what an operator says of agents, brakes and breakers', async () => {
    const said = async (path: string, body?: unknown) => {
      const { status } = await send('POST', path, body);
      expect(status).toBe(202);
      const { type, data } = (await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1)!;
      return { type, data };
    };
    const deadline = '2031-01-01T00:00:00Z';
    expect(await said('/v1/agents/agt_1/drain', { deadline })).toEqual({
      type: 'agent.drain',
      data: { agent_id: 'agt_1', drain: true, deadline_ms: Date.parse(deadline) },
    });
    expect(await said('/v1/agents/agt_1/reset-breaker')).toEqual({
      type: 'agent.reset-breaker',
      data: { agent_id: 'agt_1' },
    });
    expect(await said('/v1/failure-domains/eu-1/reset-breaker')).toEqual({
      type: 'domain.reset-breaker',
      data: { domain: 'eu-1' },
    });
    expect(await said('/v1/tenant/release-brake')).toEqual({ type: 'tenant.release-brake', data: {} });
    const flawed = await send('POST', '/v1/agents/agt_1/drain', { deadline: 'soon' });
    expect([flawed.status, flawed.json['errors']]).toMatchObject([400, [{ field: 'deadline' }]]);
  });

  it('sets the mode of the tenant', async () => {
    expect((await send('PUT', '/v1/tenant/mode', { mode: 'read-only' })).status).toBe(202);
    const command = (await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1);
    expect(command).toMatchObject({ type: 'tenant.set-mode', data: { mode: 'read-only' } });
    expect((await send('PUT', '/v1/tenant/mode', { mode: 'asleep' })).status).toBe(400);
  });

  it('sets the mode of the cluster in every partition, for the operator alone', async () => {
    const body = { mode: 'draining' };
    expect((await send('PUT', '/v1/cluster/mode', body)).status).toBe(403);
    const { status, json } = await send('PUT', '/v1/cluster/mode', body, 'ffk_operatorkey');
    expect([status, (json['partitions'] as unknown[]).length]).toEqual([202, partitions]);
    for (let partition = 0; partition < partitions; partition++) {
      const { records } = await api.log.read({ topic: topics.commands.tasks, partition }, 0, {
        maxBytes: 1 << 20,
      });
      const last = decodeCommand(records.at(-1)!);
      expect(last).toMatchObject({
        tenantId: 'system',
        type: 'cluster.set-mode',
        data: { mode: 'draining' },
      });
    }
  });

  it('tells whose mode holds and why, and of all partitions to the operator alone', async () => {
    const shown = async (path: string, key?: string) => (await send('GET', path, undefined, key)).json;
    expect(await shown('/v1/tenant/mode')).toEqual({ mode: 'normal', modes: [] });
    const partition = partitionOf('ten_acme', partitions);
    const overload = { mode: 'degraded', reason: 'overload_queue' } as const;
    const tenant = tenantEntry('ten_acme', 5);
    if (tenant.kind !== 'tenant') throw new Error('not a tenant');
    await writeEntry(api.log, { ...tenant, overload });
    const slow = { mode: 'degraded', reason: 'overload_event_loop' } as const;
    await writeEntry(api.log, { kind: 'mode', ...slow, partition, offset: 6 });
    const ofTenant = { scope: 'tenant_overload', ...overload };
    const ofPartition = { scope: 'partition_overload', ...slow };
    await until(async () => ((await shown('/v1/tenant/mode'))['modes'] as unknown[]).length === 2);
    const held = { mode: 'degraded', modes: [ofTenant, ofPartition] };
    expect(await shown('/v1/tenant/mode')).toEqual(held);
    expect(await shown('/v1/tenant')).toMatchObject(held);
    const mode = 'read-only' as const;
    await writeEntry(api.log, { ...tenant, mode, overload, offset: 7 });
    await until(async () => (await shown('/v1/tenant/mode'))['mode'] === mode);
    expect((await shown('/v1/tenant/mode'))['modes']).toEqual([
      { scope: 'tenant', mode, reason: 'operator' },
      ofTenant,
      ofPartition,
    ]);
    expect((await send('GET', '/v1/cluster/mode')).status).toBe(403);
    const all = (await shown('/v1/cluster/mode', 'ffk_operatorkey'))['partitions'] as unknown[];
    expect(all).toHaveLength(partitions);
    expect(all[partition]).toEqual({ partition, ...ofPartition });
  });

  it('is for admins', async () => {
    expect((await send('PATCH', '/v1/tenant/limits', { weight: 2 }, 'ffk_writerkey')).status).toBe(403);
  });
});
