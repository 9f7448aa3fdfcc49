import { InProcessCache, lost, type Cache } from '@fluxforge/cache';
import { type DirectoryEntry, type Limits } from '@fluxforge/events/catalogue';
import { partitionName, queueName } from '@fluxforge/events/hot-queue';
import { startQuestionServer } from '@fluxforge/events/owner-questions';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  commandsOf,
  keyEntry,
  partitions,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';

const deadlineMs = 10_000;
const tenantId = 'ten_acme';
/** Another tenant of the same partition. */
const neighbour = Array.from({ length: 100 }, (_, n) => `ten_n${n}`).find(
  (id) => partitionOf(id, partitions) === partitionOf(tenantId, partitions),
)!;
const keyOf = (id: string) => `ffk_key_${id}`;
const lostCache: Cache = {
  available: false,
  take: async () => lost,
  put: async () => lost,
  get: async () => lost,
  close: async () => undefined,
};

describe('what an API server refuses by itself', () => {
  let api: InMemoryApi;
  let cache: InProcessCache;
  afterEach(() => api?.close());

  async function start(limits: Partial<Limits>, over: Parameters<typeof startInMemory>[1] = {}) {
    cache = new InProcessCache({ nowMs: Date.now });
    const tenant = (id: string): DirectoryEntry => {
      const entry = tenantEntry(id);
      if (entry.kind !== 'tenant') throw new Error('no tenant');
      return { ...entry, limits: { ...entry.limits, ...limits } };
    };
    const entries = [tenantId, neighbour].flatMap((id) => [tenant(id), keyEntry(id, keyOf(id))]);
    api = await startInMemory(entries, { cache, ...over });
  }

  const submit = (key?: string, id = tenantId) =>
    api.request('POST', '/v1/tasks', {
      body: { command: 'true' },
      headers: { authorization: `Bearer ${keyOf(id)}`, ...(key ? { 'idempotency-key': key } : {}) },
    });
  const statuses = async (times: number, key?: string) => {
    const found: number[] = [];
    for (let n = 0; n < times; n++) found.push((await submit(key)).status);
    return found;
  };
  const written = async () => (await commandsOf(api.log, tenantId, 'tasks')).length;
  const queue = (queued: number) =>
    JSON.stringify({
      queued,
      ready: queued,
      running: 1,
      by_priority: [0, 0, 0, 0, 0, queued, 0, 0, 0, 0],
      oldest_wait_ms: 50,
      as_of: '2026-01-01T00:00:00.000Z',
    });
  const mirror = (queued: string, pulse: object = { covered: 0, lag: 0 }, id = tenantId) =>
    cache.put(
      [
        [queueName(id), queued],
        [partitionName(partitionOf(id, partitions)), JSON.stringify(pulse)],
      ],
      60_000,
    );
  async function until(holds: () => Promise<boolean>): Promise<void> {
    const endMs = Date.now() + deadlineMs;
    while (!(await holds())) {
      if (Date.now() > endMs) throw new Error('it did not come to hold');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('more submissions than the rate and the burst, with the limit, when to come again, and nothing written', async () => {
    await start({ submissions_per_s: 1, submission_burst: 3 });
    expect(await statuses(3)).toEqual([202, 202, 202]);
    const { status, json, headers } = await submit();
    expect(status).toBe(429);
    expect(json).toMatchObject({
      type: 'urn:fluxforge:problem:quota_exceeded',
      status: 429,
      code: 'quota_exceeded',
      limit: 'submissions_per_s',
    });
    expect(headers['content-type']).toBe('application/problem+json');
    expect(headers['retry-after']).toBe('1');
    expect(await written()).toBe(3);
    expect((await submit(undefined, neighbour)).status).toBe(202);
  });

  it('no repetition of what it has seen accepted for the sake of what is new, but of those too many', async () => {
    await start({ submissions_per_s: 1, submission_burst: 2 });
    expect((await submit('known')).status).toBe(202);
    expect(await statuses(2)).toEqual([202, 429]);
    expect(await statuses(3, 'known')).toEqual([202, 202, 429]);
  });

  it('more than its share of the rate while the cache is lost', async () => {
    await start({ submissions_per_s: 1, submission_burst: 6 }, { cache: lostCache, apiServers: 3 });
    expect(await statuses(3)).toEqual([202, 202, 429]);
    const refused = await submit();
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(2);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(3);
  });

  it('nothing when there is no limit, nor when a limit is above what comes', async () => {
    await start({}, { cache: lostCache });
    expect(await statuses(20)).toEqual(Array.from({ length: 20 }, () => 202));
  });

  it('tasks for a queue that is full according to the mirror, until that says otherwise', async () => {
    await start({ max_queued_tasks: 5 });
    await mirror(queue(5));
    await until(async () => (await submit()).status === 429);
    const before = await written();
    const { status, json, headers } = await submit();
    expect([status, json['code'], json['limit']]).toEqual([429, 'quota_exceeded', 'max_queued_tasks']);
    expect(headers['retry-after']).toBe('1');
    expect(await written()).toBe(before);
    await mirror(queue(4));
    await until(async () => (await submit()).status === 202);
  });

  it('no repetition for a full queue', async () => {
    await start({ max_queued_tasks: 5 });
    expect((await submit('known')).status).toBe(202);
    await mirror(queue(9));
    await until(async () => (await submit()).status === 429);
    expect((await submit('known')).status).toBe(202);
  });

  it('nothing by a mirror that has aged, is garbage, or is emptied', async () => {
    await start({ max_queued_tasks: 5 });
    await mirror(queue(5));
    await until(async () => (await submit()).status === 429);
    await cache.close();
    await until(async () => (await submit()).status === 202);
    await mirror('{"queued":"many"}', { covered: -1 });
    const looks = jest.spyOn(cache, 'get');
    await until(async () => {
      expect((await submit()).status).toBe(202);
      return looks.mock.calls.length >= 3;
    });
    const seen = await api.request('GET', '/v1/queue', {
      headers: { authorization: `Bearer ${keyOf(tenantId)}` },
    });
    expect([seen.status, seen.json['code']]).toEqual([503, 'owner_unavailable']);
  });

  it('commands of who makes its partition lag, and not those of its neighbour', async () => {
    await start({}, { maxLagRecords: 20 });
    await mirror(queue(0));
    await mirror(queue(0), { covered: 0, lag: 0 }, neighbour);
    expect((await submit(undefined, neighbour)).status).toBe(202);
    await until(async () => (await submit()).status === 429);
    const { json, headers } = await submit();
    expect([json['code'], json['limit'], headers['retry-after']]).toEqual([
      'lag_limited',
      'partition_lag',
      '1',
    ]);
    expect(await written()).toBe(19);
    const cancel = () =>
      api.request('POST', '/v1/tasks/tsk_1/cancel', {
        headers: { authorization: `Bearer ${keyOf(tenantId)}` },
      });
    expect((await cancel()).status).toBe(202);
    const cancelled = await cancel();
    expect([cancelled.status, cancelled.json['limit']]).toEqual([429, 'partition_lag']);
    expect((await submit(undefined, neighbour)).status).toBe(202);
    await mirror(queue(0), { covered: 30, lag: 0 });
    await until(async () => (await submit()).status === 202);
  });

  it('shows the mirrored queue, and that of the owner when there is none', async () => {
    const depth = { queued: 2, ready: 2, running: 1, pulse: { covered: 1, lag: 0 } };
    const owner = await startQuestionServer({
      address: { host: '127.0.0.1', port: 0 },
      signingKey: 'k'.repeat(32),
      answer: async ({ kind }) => (kind === 'queue' ? (JSON.parse(queue(2)) as object) : depth),
      onError: () => undefined,
    });
    await start({});
    const partition = partitionOf(tenantId, partitions);
    const at = { partition, offset: 5, generation: 1, address: '', questions: owner.address };
    api.parts.directory.apply({ kind: 'owner', context: 'tasks', ...at });
    const show = () =>
      api.request('GET', '/v1/queue', { headers: { authorization: `Bearer ${keyOf(tenantId)}` } });
    const asked = (await show()).json;
    expect(asked).toMatchObject({ queued: 2, source: 'owner', age_ms: 0 });
    expect(asked).not.toHaveProperty('pulse');
    await mirror(queue(7));
    const { json } = await show();
    expect(json).toMatchObject({ queued: 7, running: 1, source: 'mirror' });
    expect(json['oldest_wait_ms']).toBe(50 + Number(json['age_ms']));
    await owner.close();
  });

  it('goes by the owner itself where no cache is shared', async () => {
    const owner = await startQuestionServer({
      address: { host: '127.0.0.1', port: 0 },
      signingKey: 'k'.repeat(32),
      answer: async () => ({ queued: 10, ready: 10, running: 0, pulse: { covered: 0, lag: 0 } }),
      onError: () => undefined,
    });
    await start({ max_queued_tasks: 5 }, { cache: null });
    const partition = partitionOf(tenantId, partitions);
    const at = { partition, offset: 5, generation: 1, address: '', questions: owner.address };
    api.parts.directory.apply({ kind: 'owner', context: 'tasks', ...at });
    await until(async () => (await submit()).json['limit'] === 'max_queued_tasks');
    await owner.close();
  });
});
