import {
  commandsOf,
  keyEntry,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';

describe('schedules and fan-outs over HTTP', () => {
  let api: InMemoryApi;
  const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.request(method, path, { body, headers: { authorization: 'Bearer ffk_writerkey', ...headers } });
  const last = async () => {
    const { type, data } = (await commandsOf(api.log, 'ten_acme', 'tasks')).at(-1)!;
    return { type, data };
  };

  beforeAll(async () => {
    api = await startInMemory([tenantEntry('ten_acme'), keyEntry('ten_acme', 'ffk_writerkey', 'writer')]);
  });
  afterAll(() => api.close());

  const schedule = { name: 'nightly', cron: '@daily', task: { command: 'true' } };
  const fanout = { selector: 'role=web', task: { command: 'true' } };

  it('makes a schedule, with defaults in full', async () => {
    const { status, json } = await send('POST', '/v1/schedules', schedule);
    expect(status).toBe(202);
    expect(await last()).toMatchObject({
      type: 'schedule.create',
      data: {
        schedule_id: json['id'],
        name: 'nightly',
        spec: {
          cron: '0 0 * * *',
          time_zone: 'UTC',
          jitter_ms: 0,
          overlap: 'forbid',
          missed_after_ms: 3_600_000,
          task: { command: 'true', max_attempts: 3 },
        },
      },
    });
  });

  it.each([
    ['/v1/schedules', schedule, 'sch_'],
    ['/v1/fanouts', fanout, 'fan_'],
  ])('names one at %s by its key', async (path, body, prefix) => {
    const key = { 'idempotency-key': 'once' };
    const [a, b] = [await send('POST', path, body, key), await send('POST', path, body, key)];
    expect(a.json['id']).toBe(b.json['id']);
    expect(String(a.json['id']).startsWith(prefix)).toBe(true);
    expect((await send('POST', path, body)).json['id']).not.toBe(a.json['id']);
  });

  it.each([
    [{ cron: '* * * *' }, 'cron', 'bad_format'],
    [{ cron: '*/0 * * * *' }, 'cron', 'bad_format'],
    [{ cron: '61 * * * *' }, 'cron', 'bad_format'],
    [{ cron: '1'.repeat(1_000) }, 'cron', 'too_long'],
    [{ cron: '@reboot' }, 'cron', 'bad_format'],
    [{ time_zone: 'Mars/Base' }, 'time_zone', 'bad_format'],
    [{ jitter: '25h' }, 'jitter', 'out_of_range'],
    [{ overlap: 'queue' }, 'overlap', 'not_allowed'],
    [{ missed_after: '1e9s' }, 'missed_after', 'bad_format'],
    [{ task: undefined }, 'task', 'required'],
    [{ task: 'true' }, 'task', 'wrong_type'],
    [{ task: { command: 'true', priority: 11 } }, 'task.priority', 'out_of_range'],
    [{ task: { command: 'true', delay: '5m' } }, 'task.delay', 'inconsistent'],
    [{ every: '5m' }, 'every', 'unknown_field'],
  ])('refuses a schedule with %j and names %s', async (over, field, code) => {
    const { status, json } = await send('POST', '/v1/schedules', { ...schedule, ...over });
    expect([status, json['errors']]).toMatchObject([400, [{ field, code }]]);
  });

  it('starts a fan-out, cancels it, and retries what came out otherwise', async () => {
    const body = { ...fanout, max_concurrency: '10%', max_failures: 2 };
    const { json } = await send('POST', '/v1/fanouts', body);
    expect(await last()).toMatchObject({
      type: 'fanout.start',
      data: {
        fanout_id: json['id'],
        spec: {
          selector: [{ key: 'role', op: 'in', values: ['web'] }],
          max_concurrency: { percent: 10 },
          max_failures: { count: 2 },
        },
      },
    });
    await send('POST', '/v1/fanouts/fan_1/cancel', { reason: 'enough' });
    const cancelled = { fanout_id: 'fan_1', reason: 'enough' };
    expect(await last()).toEqual({ type: 'fanout.cancel', data: cancelled });
    const retry = await send('POST', '/v1/fanouts/fan_1/retry');
    const members = ['failed', 'not_started', 'unknown'];
    const data = { fanout_id: retry.json['id'], of_fanout_id: 'fan_1', members };
    expect(await last()).toEqual({ type: 'fanout.retry', data });
    await send('POST', '/v1/fanouts/fan_1/retry', { members: ['unknown'] });
    expect((await last()).data).toMatchObject({ members: ['unknown'] });
  });

  it.each([
    ['/v1/fanouts', { ...fanout, selector: '((' }, 'selector'],
    ['/v1/fanouts', { ...fanout, selector: 'a'.repeat(100_000) }, 'selector'],
    ['/v1/fanouts', { ...fanout, max_concurrency: '101%' }, 'max_concurrency'],
    ['/v1/fanouts', { ...fanout, task: { command: 'true', agent_id: 'a1' } }, 'task.agent_id'],
    ['/v1/fanouts/fan_1/retry', { members: ['succeeded'] }, 'members[0]'],
    ['/v1/fanouts/fan_1/retry', { members: [] }, 'members'],
  ])('refuses at %s %j', async (path, body, field) => {
    const { status, json } = await send('POST', path, body);
    expect([status, json['errors']]).toMatchObject([400, [{ field }]]);
  });
});
