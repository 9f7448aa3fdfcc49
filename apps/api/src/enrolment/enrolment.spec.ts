import { startInMemory, type InMemoryApi } from '../testing/api-in-memory.js';
import { bootstrap } from '../bootstrap/index.js';
import { startTasksOwner } from '../testing/owner-in-memory.js';

const about = {
  name: 'edge-1',
  labels: { role: 'web' },
  slots: 2,
  executors: ['shell'],
  agent_version: '0.1.0',
};
const hashOf = (digit: string) => digit.repeat(64);

describe('joining, with Postgres away and the production rules as the owner', () => {
  let api: InMemoryApi;
  let owner: { close(): Promise<void> };
  let key: string;
  let tenantId: string;

  beforeAll(async () => {
    api = await startInMemory();
    owner = await startTasksOwner(api.log);
    const made = await bootstrap('acme', api.parts, 5000);
    key = made.api_key ?? '';
    tenantId = made.tenant_id;
    expect(made.created).toBe(true);
    api.parts.outputAddress.address = '127.0.0.1:7071';
  });
  afterAll(async () => {
    await owner.close();
    await api.close();
  });

  const call = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    api.request('POST', path, { body, headers });
  const makeToken = async (body: unknown = {}) => {
    const { status, json, headers } = await call('/v1/join-tokens', body, { authorization: `Bearer ${key}` });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    return json;
  };
  const enrol = (token: unknown, digit: string) =>
    call('/v1/agents/enrol', { ...about, join_token: token, credential_hash: hashOf(digit) });

  it('bootstraps once: the second time the key is not told again', async () => {
    expect(await bootstrap('acme', api.parts, 5000)).toEqual({
      tenant_id: tenantId,
      api_key: null,
      created: false,
    });
  });

  it('makes a token, admits one agent with it, and says where to go', async () => {
    const made = await makeToken({ labels: { zone: 'a' }, expires_in: '5m' });
    expect(made).toMatchObject({
      labels: { zone: 'a' },
      join_token: expect.stringMatching(/^ffj_ten_/) as string,
    });
    const { status, json } = await enrol(made['join_token'], '1');
    expect(status).toBe(200);
    expect(json).toEqual({
      agent_id: expect.stringMatching(/^agt_[0-9a-z]{26}$/) as string,
      tenant_id: tenantId,
      dispatcher_address: '127.0.0.1:7072',
      output_address: '127.0.0.1:7071',
    });
  });

  it('answers a repeat as it answered the first, and anyone else as it answers a token that never was', async () => {
    const { join_token: token } = await makeToken();
    const first = await enrol(token, '2');
    const again = await enrol(token, '2');
    expect([again.status, again.json]).toEqual([200, first.json]);
    const other = await enrol(token, '3');
    const never = await enrol(`ffj_${tenantId}_${'0'.repeat(32)}`, '3');
    const nowhere = await enrol(`ffj_ten_nobody_${'0'.repeat(32)}`, '3');
    const nonsense = await enrol('x', '3');
    expect(other.status).toBe(403);
    expect(other.json['code']).toBe('token_invalid');
    for (const { text } of [never, nowhere, nonsense]) expect(text).toBe(other.text);
  });

  it('admits one of many that come at once with one token', async () => {
    const { join_token: token } = await makeToken();
    const answers = await Promise.all([...'456789abcdef'].map((digit) => enrol(token, digit)));
    expect(answers.map((a) => a.status).sort()).toEqual([200, ...Array<number>(11).fill(403)]);
  });

  it('tells where the dispatcher is, to whoever asks', async () => {
    const { status, json } = await api.request('GET', `/v1/dispatchers?tenant_id=${tenantId}`);
    expect(status).toBe(200);
    expect(json).toEqual({ address: '127.0.0.1:7072', generation: 1, output_address: '127.0.0.1:7071' });
  });

  it('says so when the answer does not come in time, and gives it when asked again', async () => {
    const { join_token: token } = await makeToken();
    await owner.close();
    const late = await enrol(token, 'a');
    expect([late.status, late.json['code']]).toEqual([504, 'answer_pending']);
    expect(late.json['command_id']).toMatch(/^cmd_/);
    owner = await startTasksOwner(api.log);
    const deadline = Date.now() + 5000;
    let answer = await enrol(token, 'a');
    while (answer.status === 504 && Date.now() < deadline) answer = await enrol(token, 'a');
    expect([answer.status, answer.json['agent_id']]).toEqual([200, late.json['id']]);
  });
});
