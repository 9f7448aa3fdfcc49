import { type Mode } from '@fluxforge/events/catalogue';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  commandsOf,
  keyEntry,
  partitions,
  startInMemory,
  tenantEntry,
  writeEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';

const tenantId = 'ten_acme';
const deadlineMs = 10_000;

describe('what a task asks for at admission', () => {
  let api: InMemoryApi;
  let offset = 10;
  const submit = (over: object, headers: Record<string, string> = {}) =>
    api.request('POST', '/v1/tasks', {
      body: { command: 'true', ...over },
      headers: { authorization: 'Bearer ffk_adminkey0', ...headers },
    });
  const lastCommand = async () => (await commandsOf(api.log, tenantId, 'tasks')).at(-1);

  beforeAll(async () => {
    api = await startInMemory([tenantEntry(tenantId), keyEntry(tenantId, 'ffk_adminkey0', 'admin')]);
  });
  afterAll(() => api.close());

  it('goes into the log with its defaults', async () => {
    const requests = { cpu_millis: 500, memory_bytes: 1_000_000, slots: 2 };
    const { status } = await submit({ requests, placement: 'pack', concurrency: { key: 'db' } });
    expect(status).toBe(202);
    const concurrency = { key: 'db', max: 1, strategy: 'queue' };
    expect(await lastCommand()).toMatchObject({
      type: 'task.submit',
      data: { spec: { requests, placement: 'pack', concurrency } },
    });
  });

  it.each([
    [{ concurrency: { max: 1 } }, 'concurrency.key', 'required'],
    [{ concurrency: { key: '' } }, 'concurrency.key', 'too_short'],
    [{ concurrency: { key: 'k', max: 0 } }, 'concurrency.max', 'out_of_range'],
    [{ concurrency: { key: 'k', strategy: 'fight' } }, 'concurrency.strategy', 'not_allowed'],
    [{ concurrency: { key: 'k', keys: ['l'] } }, 'concurrency.keys', 'unknown_field'],
    [{ concurrency: 'k' }, 'concurrency', 'wrong_type'],
    [{ requests: { slots: 0 } }, 'requests.slots', 'out_of_range'],
    [{ requests: { cpu_millis: -1 } }, 'requests.cpu_millis', 'out_of_range'],
    [{ requests: { gpus: 1 } }, 'requests.gpus', 'unknown_field'],
    [{ placement: 'random' }, 'placement', 'not_allowed'],
    [{ delay: '1e9s' }, 'delay', 'bad_format'],
    [{ delay: '1000d' }, 'delay', 'out_of_range'],
    [{ delay: '1s', not_before: '2040-01-01T00:00:00Z' }, 'delay', 'inconsistent'],
  ])('%j is refused, and the field named', async (over, field, code) => {
    const { status, json } = await submit(over);
    expect([status, json['errors']]).toMatchObject([400, [{ field, code }]]);
  });

  it('a delay counts from the submission, and a repetition is the same submission', async () => {
    const sentMs = Date.now();
    const first = await submit({ delay: '10m' }, { 'idempotency-key': 'later' });
    expect(first.status).toBe(202);
    const command = await lastCommand();
    const spec = command?.type === 'task.submit' ? command.data.spec : null;
    expect(spec?.not_before_ms).toBeGreaterThanOrEqual(sentMs + 600_000);
    expect(spec?.not_before_ms).toBeLessThanOrEqual(Date.now() + 600_000);
    while (Date.now() <= sentMs);
    const again = await submit({ delay: '10m' }, { 'idempotency-key': 'later' });
    expect([again.status, again.json['id']]).toEqual([202, first.json['id']]);
    expect((await submit({ delay: '11m' }, { 'idempotency-key': 'later' })).status).toBe(422);
  });

  async function setMode(mode: Mode, where: 'tenant' | 'tenant overload' | 'partition'): Promise<void> {
    const partition = partitionOf(tenantId, partitions);
    offset += 1;
    if (where === 'partition') {
      await writeEntry(api.log, { kind: 'mode', mode, reason: 'operator', partition, offset });
    } else {
      const entry = tenantEntry(tenantId, offset);
      const said = where === 'tenant' ? { mode } : { overload: { mode, reason: 'overload_queue' as const } };
      if (entry.kind === 'tenant') await writeEntry(api.log, { ...entry, ...said });
    }
    const untilMs = Date.now() + deadlineMs;
    while (api.parts.directory.modeOf(tenantId) !== mode && Date.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(api.parts.directory.modeOf(tenantId)).toBe(mode);
  }

  it.each(['tenant', 'tenant overload', 'partition'] as const)(
    'the mode of the %s refuses early',
    async (where) => {
      await setMode('degraded', where);
      expect((await submit({ priority: 2 })).status).toBe(202);
      const refused = async (priority: number) => {
        const { status, json, headers } = await submit({ priority });
        expect(headers['retry-after']).toBeDefined();
        return [status, json['code']];
      };
      expect(await refused(3)).toEqual([503, 'mode_degraded']);
      await setMode('read-only', where);
      expect(await refused(0)).toEqual([503, 'mode_read_only']);
      await setMode('draining', where);
      expect(await refused(0)).toEqual([503, 'mode_draining']);
      await setMode('normal', where);
      expect((await submit({ priority: 9 })).status).toBe(202);
    },
  );
});
