import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  commandsOf,
  keyEntry,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from '../testing/api-in-memory.js';
import { freePort, RpcClient } from '../testing/rpc-client.js';
import { problemCodes } from '../http/index.js';
import { serveGrpc, statusOf } from './index.js';

const key = 'ffk_acmekey00';
const app = join(__dirname, '..', '..');

describe('gRPC for users, over a log with the read models away', () => {
  let api: InMemoryApi;
  let client: RpcClient;

  beforeAll(async () => {
    api = await startInMemory([
      tenantEntry('ten_acme'),
      keyEntry('ten_acme', key),
      keyEntry('ten_acme', 'ffk_readerkey', 'reader'),
    ]);
    const port = await freePort();
    await serveGrpc(api.app as NestFastifyApplication, { host: '127.0.0.1', port });
    client = new RpcClient(`127.0.0.1:${port}`, { authorization: `Bearer ${key}` });
  });
  afterAll(async () => {
    client.close();
    await api.close();
  });

  it('appends the very command that REST appends', async () => {
    const rest = await api.request('POST', '/v1/tasks', {
      headers: { authorization: `Bearer ${key}`, 'fluxforge-reason': 'twice' },
      body: {
        command: ['echo', 'a b'],
        labels: { team: 'x' },
        selector: 'role in (web,db)',
        priority: 0,
        output_limit_bytes: 0,
        backoff: { base: '2s', max: '1m' },
        requests: { memory_bytes: 2 ** 40 },
        concurrency: { key: 'k', strategy: 'drop-new' },
      },
    });
    expect(rest.status).toBe(202);
    const answer = await client.with({ 'fluxforge-reason': 'twice' }).call('TaskService', 'SubmitTask', {
      task: {
        command: { argv: { args: ['echo', 'a b'] } },
        labels: { team: 'x' },
        selector: 'role in (web,db)',
        priority: 0,
        output_limit_bytes: 0,
        backoff: { base: '2s', max: '1m' },
        requests: { memory_bytes: 2 ** 40 },
        concurrency: { key: 'k', strategy: 'drop-new' },
      },
    });
    expect(answer).toMatchObject({ status: 0, message: { command_id: expect.any(String) as string } });
    const [one, two] = (await commandsOf(api.log, 'ten_acme', 'tasks')).slice(-2);
    const told = (command: typeof one) => ({
      ...(command?.data as Record<string, unknown>),
      task_id: '',
      by: [command?.provenance.actor, command?.provenance.reason],
    });
    expect(told(two)).toEqual(told(one));
    expect(two?.id).toBe(answer.message['command_id']);
  });

  it('declares, replaces, suspends, resumes and deletes states as REST does', async () => {
    const state = {
      name: 'motd',
      selector: '*',
      check_cmd: { shell: 'test -f /etc/motd' },
      apply_cmd: { shell: 'touch /etc/motd' },
      max_failures: '3',
      windows: [{ effect: 'deny', cron: '0 9 * * 1-5', time_zone: 'Europe/Berlin', duration: '8h' }],
    };
    const { message } = await client.call('StateService', 'DeclareState', { state });
    const { id } = message;
    await client.call('StateService', 'ReplaceState', {
      id,
      state: { ...state, mode: 'check_only' },
      if_version: 4,
    });
    await client.call('StateService', 'SuspendState', { id });
    await client.call('StateService', 'ResumeState', { id });
    await client.call('StateService', 'DeleteState', { id });
    const commands = (await commandsOf(api.log, 'ten_acme', 'states')).slice(-5);
    expect(commands.map(({ type, data }) => [type, data])).toMatchObject([
      [
        'state.declare',
        {
          state_id: id,
          name: 'motd',
          spec: { max_failures: { count: 3 }, windows: [{ duration_ms: 28_800_000 }] },
        },
      ],
      [
        'state.update',
        { state_id: id, if_version: 4, spec: { mode: 'check_only', apply_cmd: 'touch /etc/motd' } },
      ],
      ['state.suspend', { state_id: id }],
      ['state.resume', { state_id: id }],
      ['state.delete', { state_id: id }],
    ]);
  });

  it('names one submission by its key, and refuses another under it', async () => {
    const task = { executor: 'noop' };
    const first = await client.call('TaskService', 'SubmitTask', { task, idempotency_key: 'once' });
    const again = await client.call('TaskService', 'SubmitTask', { task, idempotency_key: 'once' });
    expect(again.message['id']).toBe(first.message['id']);
    const other = { ...task, priority: 1 };
    const refused = await client.call('TaskService', 'SubmitTask', { task: other, idempotency_key: 'once' });
    expect(refused).toMatchObject({
      status: status.INVALID_ARGUMENT,
      problem: { code: 'idempotency_key_reused' },
    });
  });

  it.each<[string, string, object, number, object]>([
    [
      'TaskService',
      'SubmitTask',
      {},
      status.INVALID_ARGUMENT,
      { errors: [{ field: 'command', code: 'required' }] },
    ],
    [
      'TaskService',
      'SubmitTask',
      { task: { executor: 'noop', priority: 10, labels: { ü: 'x' } } },
      status.INVALID_ARGUMENT,
      { code: 'validation_failed' },
    ],
    [
      'TaskService',
      'SubmitTask',
      { task: { command: { shell: 'a\u0000b' } } },
      status.INVALID_ARGUMENT,
      { errors: [{ field: 'command', code: 'contains_nul' }] },
    ],
    [
      'TaskService',
      'SubmitTask',
      { task: { command: { shell: 'true' }, selector: 'a in (b' } },
      status.INVALID_ARGUMENT,
      { errors: [{ field: 'selector', code: 'bad_format' }] },
    ],
    [
      'StateService',
      'DeclareState',
      { state: { name: 'x' } },
      status.INVALID_ARGUMENT,
      { code: 'validation_failed' },
    ],
    ['TaskService', 'CancelTask', { id: '../x' }, status.NOT_FOUND, { code: 'not_found' }],
    [
      'TaskService',
      'ListTasks',
      { page: { limit: 0 } },
      status.INVALID_ARGUMENT,
      { code: 'invalid_parameter' },
    ],
    ['TaskService', 'GetTask', { id: 'tsk_1' }, status.UNAVAILABLE, { code: 'reads_unavailable' }],
    [
      'TaskService',
      'GetTask',
      { id: 'tsk_1', position: { wait_ms: 4_000_000_000 } },
      status.INVALID_ARGUMENT,
      { errors: [{ field: 'wait_ms', code: 'out_of_range' }] },
    ],
    ['AgentService', 'ListAgents', {}, status.UNAVAILABLE, { code: 'reads_unavailable' }],
  ])('%s.%s of %j fails with status %i', async (service, method, message, code, problem) => {
    const before = (await commandsOf(api.log, 'ten_acme', 'tasks')).length;
    expect(await client.call(service, method, message)).toMatchObject({ status: code, problem });
    expect(await commandsOf(api.log, 'ten_acme', 'tasks')).toHaveLength(before);
  });

  it('lets nobody in without a key, and a reader only read', async () => {
    const task = { executor: 'noop' };
    const nobody = client.with({ authorization: 'Bearer ffk_unknownkey' });
    expect(await nobody.call('TaskService', 'SubmitTask', { task })).toMatchObject({
      status: status.UNAUTHENTICATED,
      problem: { code: 'unauthenticated', status: 401 },
    });
    const reader = client.with({ authorization: 'Bearer ffk_readerkey' });
    expect(await reader.call('TaskService', 'SubmitTask', { task })).toMatchObject({
      status: status.PERMISSION_DENIED,
    });
    expect(await reader.call('CommandService', 'GetCommand', { id: 'cmd_1' })).toMatchObject({
      status: status.UNAVAILABLE,
    });
  });

  it('takes no message of more than a mebibyte', async () => {
    const task = { command: { shell: 'x'.repeat(1_100_000) } };
    expect(await client.call('TaskService', 'SubmitTask', { task })).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
    });
  });

  it('has a status for each problem code', () => {
    expect(Object.keys(statusOf).sort()).toEqual([...problemCodes].sort());
  });
});

it('the descriptor is what proto/ says', () => {
  const printed = execFileSync(process.execPath, [join(app, 'generate-proto.mjs'), '--print'], {
    encoding: 'utf8',
  });
  expect(printed).toBe(readFileSync(join(app, 'src', 'grpc', 'generated', 'descriptor.ts'), 'utf8'));
});
