import { RpcClient } from '../../apps/api/src/testing/rpc-client.js';
import { startWholeSystem, type WholeSystem } from './whole-system.js';

jest.setTimeout(60_000);

const state = { name: 'motd', check_cmd: 'true', apply_cmd: 'true', selector: 'role=web' };
type Json = Readonly<Record<string, unknown>>;

describe('the API on Kafka and Postgres', () => {
  let system: WholeSystem;
  let key: string;
  let foreignKey: string;

  beforeAll(async () => {
    system = await startWholeSystem();
    key = await system.tenant('acme');
    foreignKey = await system.tenant('rival');
    await until(async () => (await call('GET', '/v1/states')).status === 200);
    await until(async () => (await call('GET', '/v1/states', undefined, { as: foreignKey })).status === 200);
  });
  afterAll(() => system?.close());

  const call = async (
    method: string,
    path: string,
    body?: unknown,
    options: { as?: string; headers?: Record<string, string> } = {},
  ) => {
    const startedAt = performance.now();
    const response = await fetch(`${system.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.as ?? key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      json: (text === '' ? {} : JSON.parse(text)) as Json,
      tookMs: performance.now() - startedAt,
    };
  };
  const declare = async (name: string) => {
    const { status, json } = await call('POST', '/v1/states', { ...state, name });
    expect(status).toBe(202);
    return { id: String(json['id']), token: String(json['token']), commandId: String(json['command_id']) };
  };
  const outcomeOf = (commandId: string, token: string) =>
    call('GET', `/v1/commands/${commandId}?min_position=${token}&wait_ms=10000`);

  it('a read with the token of a write shows that write, every time', async () => {
    const { id, token } = await declare('read-your-writes');
    expect((await call('GET', `/v1/states/${id}?min_position=${token}`)).json).toMatchObject({
      id,
      generation: 1,
    });
    for (let n = 2; n <= 15; n++) {
      const changed = await call('PATCH', `/v1/states/${id}`, { interval: `${n}m` });
      expect(changed.status).toBe(202);
      const { json } = await call('GET', `/v1/states/${id}?min_position=${String(changed.json['token'])}`);
      expect(json).toMatchObject({ interval: `${n}m`, generation: n, resource_version: n });
    }
  });

  it('refuses early what the owner would refuse, once the view covers all there is', async () => {
    const { id, token } = await declare('taken');
    await outcomeOf(id, token);
    await until(async () => (await call('POST', '/v1/states', { ...state, name: 'taken' })).status === 409);
    const stale = () =>
      call('PUT', `/v1/states/${id}`, { ...state, name: 'taken' }, { headers: { 'if-match': '"7"' } });
    await until(async () => (await stale()).status === 412);
    await until(async () => (await call('DELETE', '/v1/states/sta_none')).status === 404);
  });

  it('tells what became of a command: accepted, rejected, or that there is none', async () => {
    const first = await declare('twice');
    const second = await call('POST', '/v1/states', { ...state, name: 'twice' });
    expect((await outcomeOf(first.commandId, first.token)).json).toMatchObject({
      state: 'accepted',
      resource_id: first.id,
    });
    // Either the view was there in time to refuse, or the owner did.
    if (second.status === 202) {
      const { json } = await outcomeOf(String(second.json['command_id']), String(second.json['token']));
      expect(json).toMatchObject({ state: 'rejected', code: 'already_exists' });
    } else expect(second.status).toBe(409);
    const none = await call('GET', '/v1/commands/cmd_none?wait_ms=10000');
    expect([none.status, none.json['code']]).toEqual([404, 'not_found']);
  });

  it('shows over gRPC what REST shows, and takes what it takes', async () => {
    const rpc = new RpcClient(system.grpcAddress, { authorization: `Bearer ${key}` });
    const task = {
      name: 'by-rpc',
      labels: { via: 'grpc' },
      command: { shell: 'true' },
      selector: 'role=none',
    };
    const sent = await rpc.call('TaskService', 'SubmitTask', { task, idempotency_key: 'rpc-1' });
    const { id, token, command_id } = sent.message;
    const position = { min_position: token, wait_ms: 10_000 };
    const shown = await rpc.call('TaskService', 'GetTask', { id, position });
    const { json } = await call('GET', `/v1/tasks/${String(id)}?min_position=${String(token)}&wait_ms=10000`);
    expect(shown.message).toMatchObject({
      id,
      created_at: json['created_at'],
      spec: { name: 'by-rpc', labels: { via: 'grpc' }, command: { shell: 'true' }, execution_timeout: '1h' },
      status: { message: (json['status'] as Json)['message'] },
    });
    const answer = await rpc.call('CommandService', 'GetCommand', { id: command_id, position });
    expect(answer.message).toMatchObject({ command_id, state: 'accepted', event_type: 'task.queued' });
    const listed = await rpc.call('TaskService', 'ListTasks', { page: { limit: 1 }, labels: 'via=grpc' });
    expect(listed.message['items']).toMatchObject([{ id }]);

    const said = {
      name: 'rpc-state',
      selector: 'role=web',
      check_cmd: { argv: { args: ['true'] } },
      mode: 'check_only',
    };
    const declared = await rpc.call('StateService', 'DeclareState', { state: said });
    const at = { id: declared.message['id'], position: { min_position: declared.message['token'] } };
    const state_ = await rpc.call('StateService', 'GetState', at);
    expect(state_.message).toMatchObject({ id: at.id, generation: 1, spec: { ...said, interval: '1m' } });
    expect((await rpc.call('StateService', 'ListTargets', at)).status).toBe(0);
    const foreign = rpc.with({ authorization: `Bearer ${foreignKey}` });
    expect(await foreign.call('StateService', 'GetState', { id: at.id })).toMatchObject({
      status: 5,
      problem: { code: 'not_found', detail: 'There is no such resource.' },
    });
    foreign.close();
    rpc.close();
  });

  it('an idempotency key names one task, however many ask at once', async () => {
    const headers = { 'idempotency-key': 'nightly-7' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call('POST', '/v1/tasks', { executor: 'noop', name: 'nightly' }, { headers }),
      ),
    );
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([202]));
    const ids = new Set(answers.map((a) => a.json['id']));
    expect(ids.size).toBe(1);
    for (const { json } of answers) {
      const { json: outcome } = await outcomeOf(String(json['command_id']), String(json['token']));
      expect(outcome).toMatchObject({ state: 'accepted', resource_id: [...ids][0] });
    }
    const other = await call('POST', '/v1/tasks', { executor: 'noop', name: 'other' }, { headers });
    expect([other.status, other.json['code']]).toEqual([422, 'idempotency_key_reused']);
    const { json } = await call('GET', '/v1/tasks?limit=500');
    expect((json['items'] as Json[]).filter((task) => task['name'] === 'nightly')).toHaveLength(1);
  });

  it('answers for what is foreign exactly as for what is unknown, on every route', async () => {
    const { id, token } = await declare('secret');
    const task = await call('POST', '/v1/tasks', { executor: 'noop' });
    const taskId = String(task.json['id']);
    await outcomeOf(String(task.json['command_id']), String(task.json['token']));
    await call('GET', `/v1/states/${id}?min_position=${token}`);
    const routes = (state: string, task: string, command: string) => [
      `/v1/states/${state}`,
      `/v1/states/${state}/targets`,
      `/v1/states/${state}/events`,
      `/v1/tasks/${task}`,
      `/v1/tasks/${task}/attempts`,
      `/v1/tasks/${task}/output`,
      `/v1/tasks/${task}/events`,
      `/v1/commands/${command}?wait_ms=10000`,
    ];
    const foreign = routes(id, taskId, String(task.json['command_id']));
    const unknown = routes('sta_none', 'tsk_none', 'cmd_none');
    for (const [i, path] of foreign.entries()) {
      const [a, b] = [
        await call('GET', path, undefined, { as: foreignKey }),
        await call('GET', unknown[i] ?? '', undefined, { as: foreignKey }),
      ];
      expect([path, a.status, a.text]).toEqual([path, 404, b.text]);
    }
    const lists = ['/v1/states', '/v1/tasks', '/v1/agents'];
    for (const path of lists)
      expect((await call('GET', path, undefined, { as: foreignKey })).json['items']).toEqual([]);
    await until(
      async () => (await call('DELETE', `/v1/states/${id}`, undefined, { as: foreignKey })).status === 404,
    );
    expect((await call('GET', `/v1/states/${id}`)).status).toBe(200);
  });

  it('pages through a list, each item once, whatever comes in between', async () => {
    const wanted = new Set<string>();
    for (let n = 0; n < 7; n++) wanted.add((await declare(`page-${n}`)).id);
    const last = await declare('page-last');
    await call('GET', `/v1/states/${last.id}?min_position=${last.token}`);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await call('GET', `/v1/states?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...(json['items'] as Json[]).map((item) => String(item['id'])));
      cursor = (json['next_cursor'] as string | null) ?? '';
      await declare(`between-${seen.length}`);
    } while (cursor !== '' && seen.length < 200);
    expect(new Set(seen).size).toBe(seen.length);
    for (const id of wanted) expect(seen).toContain(id);
  });

  describe('while Postgres is away', () => {
    afterEach(async () => {
      await system.postgres.heal();
      await until(async () => (await call('GET', '/v1/states')).status === 200);
    });

    it.each(['refuse', 'blackhole'] as const)(
      '(%s) writes are accepted, reads say so, and nothing was lost',
      async (fault) => {
        system.postgres[fault]();
        const writes = [];
        for (let n = 0; n < 5; n++) writes.push(await declare(`away-${fault}-${n}`));
        const read = await call('GET', '/v1/states');
        expect([read.status, read.json['code']]).toEqual([503, 'reads_unavailable']);
        expect(read.tookMs).toBeLessThan(5_000);
        expect((await call('PUT', '/v1/states/sta_none', state)).status).toBe(202);
        await system.postgres.heal();
        // Not reset: connections of before stay open, and what they asked is never answered.
        for (const { id, token } of writes) {
          await until(
            async () => (await call('GET', `/v1/states/${id}?min_position=${token}`)).status === 200,
          );
        }
      },
    );
  });

  describe('while Kafka is away', () => {
    afterEach(async () => {
      await system.kafka.heal();
      await until(async () => (await call('POST', '/v1/tasks', { executor: 'noop' })).status === 202);
    });

    it('says 503 within the deadline when it cannot be reached', async () => {
      system.kafka.refuse();
      const codes = new Set<string>();
      // What is on its way into a connection that breaks is rightly unknown; after that nothing leaves.
      await until(async () => {
        const { status, json, tookMs } = await call('POST', '/v1/tasks', { executor: 'noop' });
        expect([503, 504]).toContain(status);
        expect(tookMs).toBeLessThan(6_500);
        codes.add(String(json['code']));
        return status === 503;
      });
      expect(codes).toContain('log_unavailable');
      expect((await call('GET', '/v1/states')).status).toBe(200);
    });

    it('says 504 with the ids when the acknowledgement is lost, and the write is found by them', async () => {
      system.kafka.eatReplies();
      const { status, json, tookMs } = await call('POST', '/v1/tasks', { executor: 'noop' });
      expect([status, json['code']]).toEqual([504, 'outcome_unknown']);
      expect(tookMs).toBeLessThan(6_500);
      await system.kafka.heal();
      await until(
        async () =>
          (await call('GET', `/v1/commands/${String(json['command_id'])}`)).json['state'] === 'accepted',
      );
      expect((await call('GET', `/v1/tasks/${String(json['id'])}`)).status).toBe(200);
    });
  });

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error('it did not come about within 20 s');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});
