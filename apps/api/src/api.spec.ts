import { type CommandData } from '@fluxforge/events/catalogue';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  commandsOf,
  keyEntry,
  partitions,
  startInMemory,
  tenantEntry,
  topics,
  writeEntry,
  type InMemoryApi,
} from './testing/api-in-memory.js';
import { parseToken } from './positions/index.js';

const state = {
  name: 'motd',
  check_cmd: 'test -f /etc/motd',
  apply_cmd: 'touch /etc/motd',
  selector: 'role=web',
};
const key = 'ffk_acmekey00';
const readerKey = 'ffk_readerkey';

describe('the API over a log, with the read models away', () => {
  let api: InMemoryApi;

  beforeAll(async () => {
    api = await startInMemory([
      tenantEntry('ten_acme'),
      keyEntry('ten_acme', key),
      keyEntry('ten_acme', readerKey, 'reader'),
      keyEntry('ten_acme', 'ffk_writerkey', 'writer'),
      keyEntry('ten_acme', 'ffk_revokedkey', 'admin', { revoked: true }),
    ]);
  });
  afterAll(() => api.close());

  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.request(method, path, { body, headers: { authorization: `Bearer ${key}`, ...headers } });

  it.each(['/v1/states', '/states'])('POST %s appends a declared state and answers 202', async (url) => {
    const before = (await commandsOf(api.log, 'ten_acme', 'states')).length;
    const { status, json } = await call('POST', url, state, { 'fluxforge-reason': 'first try' });
    expect(status).toBe(202);
    const commands = await commandsOf(api.log, 'ten_acme', 'states');
    expect(commands).toHaveLength(before + 1);
    const command = commands.at(-1);
    expect(command?.id).toBe(json['command_id']);
    expect(command?.type).toBe('state.declare');
    expect(command?.data).toEqual({
      state_id: json['id'],
      name: 'motd',
      labels: {},
      spec: {
        check_cmd: 'test -f /etc/motd',
        apply_cmd: 'touch /etc/motd',
        selector: [{ key: 'role', op: 'in', values: ['web'] }],
        interval_ms: 60_000,
        check_timeout_ms: 30_000,
        apply_timeout_ms: 600_000,
        mode: 'enforce',
        max_concurrency: { percent: 25 },
        max_failures: { percent: 25 },
        attempts: 3,
        backoff: { base_ms: 5_000, max_ms: 300_000 },
        priority: 5,
      },
    });
    expect(command?.provenance.reason).toBe('first try');
    expect(command?.provenance.actor).toMatch(/^key:key_/);
    expect(parseToken(String(json['token']))).toEqual({
      context: 'states',
      partition: partitionOf('ten_acme', partitions),
      offset: before,
    });
  });

  it('POST /v1/tasks with a key names one submission, whatever the order of its fields', async () => {
    const keyed = { 'idempotency-key': 'once' };
    const first = await call('POST', '/v1/tasks', { command: 'true', priority: 3 }, keyed);
    const again = await call('POST', '/tasks', { priority: 3, command: 'true' }, keyed);
    expect(first.status).toBe(202);
    expect(again.json['id']).toBe(first.json['id']);
    const [a, b] = (await commandsOf(api.log, 'ten_acme', 'tasks')).slice(-2);
    expect(a?.data).toEqual(b?.data);
    expect(a?.id).not.toBe(b?.id);
    const other = await call('POST', '/v1/tasks', { command: 'false' }, keyed);
    expect(other.status).toBe(422);
    expect(other.json).toMatchObject({ code: 'idempotency_key_reused', id: first.json['id'] });
  });

  it('POST /v1/fanouts with a key names one fan-out, however it is spelled, and so does a retry', async () => {
    const keyed = { 'idempotency-key': 'fan-once' };
    const body = (command: string) => ({ selector: '*', task: { command, delay: '1m' } });
    const first = await call('POST', '/v1/fanouts', body('true'), keyed);
    const respelled = { task: { delay: '60s', command: 'true' }, selector: '*', max_failures: '25%' };
    const again = await call('POST', '/v1/fanouts', respelled, keyed);
    expect([first.status, again.status, again.json['id']]).toEqual([202, 202, first.json['id']]);
    const [a, b] = (await commandsOf(api.log, 'ten_acme', 'tasks')).slice(-2);
    expect(a?.data).toMatchObject({ keyed: { body_hash: expect.any(String) as string } });
    expect((b?.data as CommandData<'fanout.start'>).keyed).toEqual(
      (a?.data as CommandData<'fanout.start'>).keyed,
    );
    const reused = { status: 422, json: { code: 'idempotency_key_reused', id: first.json['id'] } };
    expect(await call('POST', '/v1/fanouts', body('false'), keyed)).toMatchObject(reused);
    expect(await call('POST', '/v1/fanouts/fan_1/retry', undefined, keyed)).toMatchObject(reused);
    const once = { 'idempotency-key': 'retry-once' };
    const retry = (of: string, members?: string[]) =>
      call('POST', `/v1/fanouts/${of}/retry`, members && { members }, once);
    const all = ['unknown', 'failed', 'not_started'];
    expect([(await retry('fan_1')).status, (await retry('fan_1', all)).status]).toEqual([202, 202]);
    expect((await retry('fan_1', ['failed'])).json['code']).toBe('idempotency_key_reused');
    expect((await retry('fan_2')).json['code']).toBe('idempotency_key_reused');
  });

  it('writes on while reads are away, and reads say so', async () => {
    for (const [method, url, body] of [
      ['PUT', '/v1/states/sta_1', state],
      ['DELETE', '/v1/states/sta_1', undefined],
      ['POST', '/v1/states/sta_1/suspend', undefined],
      ['POST', '/v1/states/sta_1/resume', undefined],
      ['POST', '/v1/tasks/tsk_1/cancel', { reason: 'enough' }],
      ['POST', '/v1/agents/agt_1/drain', undefined],
      ['POST', '/v1/agents/agt_1/undrain', undefined],
      ['POST', '/v1/agents/agt_1/drain', { deadline: '2031-01-01T00:00:00Z' }],
      ['POST', '/v1/agents/agt_1/reset-breaker', undefined],
      ['POST', '/v1/failure-domains/eu-1/reset-breaker', undefined],
      ['POST', '/v1/tenant/release-brake', undefined],
      ['PUT', '/v1/schedules/sch_1', { name: 'nightly', cron: '@daily', task: { command: 'true' } }],
      ['POST', '/v1/schedules/sch_1/suspend', undefined],
      ['POST', '/v1/schedules/sch_1/resume', undefined],
      ['DELETE', '/v1/schedules/sch_1', undefined],
      ['POST', '/v1/fanouts/fan_1/cancel', undefined],
      ['POST', '/v1/fanouts/fan_1/retry', undefined],
      ['DELETE', '/v1/agents/agt_1', undefined],
    ] as const) {
      expect([url, (await call(method, url, body)).status]).toEqual([url, 202]);
    }
    for (const url of [
      '/v1/states',
      '/v1/states/sta_1',
      '/v1/states/sta_1/targets',
      '/v1/states/sta_1/events',
      '/v1/tasks',
      '/v1/tasks/tsk_1',
      '/v1/tasks/tsk_1/output',
      '/v1/tasks/tsk_1/attempts',
      '/v1/tasks/tsk_1/events',
      '/v1/agents',
      '/v1/agents/agt_1',
      '/v1/agents/agt_1/events',
      '/v1/commands/cmd_1',
      '/v1/schedules',
      '/v1/schedules/sch_1',
      '/v1/fanouts',
      '/v1/fanouts/fan_1',
      '/v1/fanouts/fan_1/members',
    ]) {
      const { status, json, headers } = await call('GET', url);
      expect([url, status, json['code']]).toEqual([url, 503, 'reads_unavailable']);
      expect(headers['content-type']).toBe('application/problem+json');
      expect(headers['retry-after']).toBe('1');
    }
    const patch = await call('PATCH', '/v1/states/sta_1', { interval: '5m' });
    expect([patch.status, patch.json['code']]).toEqual([503, 'reads_unavailable']);
  });

  it.each([
    ['none', undefined],
    ['another scheme', 'Basic Zm9vOmJhcg=='],
    ['unknown', 'Bearer ffk_unknownkey'],
    ['revoked', 'Bearer ffk_revokedkey'],
    ['malformed', 'Bearer ffk_$!'],
    ['empty', 'Bearer '],
    ['huge', `Bearer ffk_${'x'.repeat(5000)}`],
  ])('refuses a key that is %s, always in the same words', async (_, authorization) => {
    const headers: Record<string, string> = authorization ? { authorization } : {};
    const response = await api.request('GET', '/v1/states', { headers });
    expect(response.status).toBe(401);
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(response.json).toEqual({
      type: 'urn:fluxforge:problem:unauthenticated',
      title: 'No valid API key',
      status: 401,
      code: 'unauthenticated',
      detail: 'Send a valid key as "Authorization: Bearer ffk_...".',
    });
  });

  it('lets readers read and writers write, and keeps agents for admins', async () => {
    const as = (role: string) => ({ authorization: `Bearer ffk_${role}key` });
    expect((await call('GET', '/v1/states', undefined, as('reader'))).status).toBe(503);
    expect((await call('POST', '/v1/states', state, as('reader'))).json['code']).toBe('forbidden');
    expect((await call('POST', '/v1/states', state, as('writer'))).status).toBe(202);
    for (const [method, url] of [
      ['POST', '/v1/join-tokens'],
      ['DELETE', '/v1/agents/a'],
      ['POST', '/v1/agents/a/drain'],
    ] as const) {
      expect((await call(method, url, undefined, as('writer'))).status).toBe(403);
    }
  });

  it('knows a key as soon as the directory does, and forgets it as soon as it is revoked', async () => {
    const late = 'ffk_latecomer';
    const as = { authorization: `Bearer ${late}` };
    const status = async () => (await call('POST', '/v1/tasks', { executor: 'noop' }, as)).status;
    expect(await status()).toBe(401);
    await writeEntry(api.log, keyEntry('ten_acme', late, 'writer', { offset: 10 }));
    await until(async () => (await status()) === 202);
    await writeEntry(api.log, keyEntry('ten_acme', late, 'writer', { offset: 11, revoked: true }));
    await until(async () => (await status()) === 401);
    await writeEntry(api.log, keyEntry('ten_acme', late, 'admin', { offset: 10 }));
    await writeEntry(api.log, keyEntry('ten_acme', 'ffk_marker000', 'writer', { offset: 12 }));
    await until(
      async () =>
        (await call('POST', '/v1/tasks', { executor: 'noop' }, { authorization: 'Bearer ffk_marker000' }))
          .status === 202,
    );
    expect(await status()).toBe(401);
  });

  describe('when the log fails', () => {
    const tp = { topic: topics.commands.tasks, partition: partitionOf('ten_acme', partitions) };
    const submit = () => call('POST', '/v1/tasks', { executor: 'noop' });

    it('says 503 when surely nothing was written', async () => {
      api.cluster.script(tp, { kind: 'not-written' });
      const { status, json, headers } = await submit();
      expect([status, json['code']]).toEqual([503, 'log_unavailable']);
      expect(headers['retry-after']).toBe('1');
    });

    it('says 503 also when trying again cannot help, never 500', async () => {
      api.cluster.script(tp, { kind: 'fatal' });
      expect((await submit()).json['code']).toBe('log_unavailable');
    });

    it.each(['lost-ack', 'never', 'late'] as const)(
      'says 504 with the ids when it is not known (%s)',
      async (kind) => {
        api.cluster.script(tp, { kind });
        const { status, json } = await submit();
        expect([status, json['code']]).toEqual([504, 'outcome_unknown']);
        expect(json['command_id']).toMatch(/^cmd_/);
        expect(json['id']).toMatch(/^tsk_/);
        if (kind === 'lost-ack') {
          expect((await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1)?.id).toBe(json['command_id']);
        }
      },
    );

    it('says 503 while it is down and goes on when it is back', async () => {
      api.cluster.setAvailable(false);
      expect((await submit()).status).toBe(503);
      api.cluster.setAvailable(true);
      expect((await submit()).status).toBe(202);
    });
  });

  it('serves health and measures without a key', async () => {
    for (const url of ['/healthz', '/readyz', '/metrics']) {
      expect((await api.request('GET', url)).status).toBe(200);
    }
    expect((await api.request('GET', '/metrics')).text).toContain('fluxforge_http_request_seconds');
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 3000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come about within 3 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
