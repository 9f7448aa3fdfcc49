import { keyEntry, startInMemory, tenantEntry, type InMemoryApi } from '../testing/api-in-memory.js';
import { type Turn } from './turns.js';

const [loud, quiet] = ['ten_loud', 'ten_quiet'];
const keyOf = (id: string) => `ffk_key_${id}`;

const deadlineMs = 10_000;

async function eventually(holds: () => boolean): Promise<void> {
  for (const untilMs = Date.now() + deadlineMs; !holds();) {
    if (Date.now() > untilMs) throw new Error('it does not hold');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('writes over HTTP', () => {
  let api: InMemoryApi;
  const held: Turn[] = [];
  afterEach(async () => {
    for (const turn of held.splice(0)) turn.over();
    await api?.close();
  });

  /** With its only place taken until it is given back. */
  async function start(): Promise<void> {
    const entries = [loud, quiet].flatMap((id) => [tenantEntry(id), keyEntry(id, keyOf(id))]);
    api = await startInMemory(entries, { writesAtOnce: 1, placeMs: 60_000 });
    held.push(api.parts.turns.enter('other', () => undefined)!);
  }

  const waiting = (count: number) => eventually(() => api.parts.turns.waiting === count);
  const submit = (id: string) =>
    api.request('POST', '/v1/tasks', {
      body: { command: 'true' },
      headers: { authorization: `Bearer ${keyOf(id)}` },
    });

  it('wait for their turn before anything of them is read, and reads do not', async () => {
    await start();
    const order: string[] = [];
    const sent = [loud, loud, loud, quiet].map(async (id) => {
      const { status } = await submit(id);
      order.push(`${id} ${status}`);
    });
    const { status } = await api.request('GET', '/v1/tenant', {
      headers: { authorization: `Bearer ${keyOf(loud)}` },
    });
    expect(status).toBe(200);
    await waiting(4);
    expect(order).toEqual([]);
    held.pop()?.over();
    await Promise.all(sent);
    expect(order.indexOf(`${quiet} 202`)).toBeLessThan(3);
    expect(order).toHaveLength(4);
  });

  it('are refused with the limit when too many of the tenant wait, and the others still come', async () => {
    await start();
    const refused: Awaited<ReturnType<typeof submit>>[] = [];
    const sent = Array.from({ length: 12 }, async () => {
      const answer = await submit(loud);
      if (answer.status === 429) refused.push(answer);
      return answer.status;
    });
    await eventually(() => refused.length === 4);
    for (const { json, headers } of refused) {
      expect([json['code'], json['limit']]).toEqual(['lag_limited', 'waiting_writes']);
      expect(headers['retry-after']).toBe('1');
    }
    const other = submit(quiet);
    held.pop()?.over();
    expect((await other).status).toBe(202);
    expect((await Promise.all(sent)).filter((status) => status === 202)).toHaveLength(8);
  });

  it('take no turn without a key that is known', async () => {
    await start();
    expect((await submit('ten_unknown')).status).toBe(401);
    expect((await api.request('POST', '/v1/agents/enrol', { body: {} })).status).toBe(400);
  });

  it('give their places back, however they end', async () => {
    await start();
    held.pop()?.over();
    for (let n = 0; n < 3; n++) {
      expect((await submit('ten_unknown')).status).toBe(401);
      const headers = { authorization: `Bearer ${keyOf(loud)}` };
      expect((await api.request('POST', '/v1/tasks', { body: '{', headers })).status).toBe(400);
      expect((await api.request('POST', '/v1/nothing', { body: {}, headers })).status).toBe(404);
    }
    expect((await submit(loud)).status).toBe(202);
  });
});
