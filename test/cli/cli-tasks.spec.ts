import { concurrencyStrategies, executors, placementStrategies } from '@fluxforge/events/catalogue';
import { getMetadataStorage } from 'class-validator';
import { validated } from '../../apps/api/src/fields/index.js';
import { FanoutBody, fanoutSpecOf } from '../../apps/api/src/fanouts/fanout-body.js';
import { TaskBody } from '../../apps/api/src/tasks/task-body.js';
import { against, Refusal } from './fake-api.js';

jest.setTimeout(30_000);

const everything = [
  ...['--name', 'big', '--label', 'team=a', 'tier=1', '--env', 'A=1', 'B=x=y', '--cwd', '/srv'],
  ...['--run-as', 'deploy', '--priority', '2', '--delay', '5m', '--not-after', '2030-01-01T00:00:00Z'],
  ...['--delivery-timeout', '10m', '--timeout', '20m', '--kill-grace', '5s', '--attempts', '4'],
  ...['--backoff-base', '2s', '--backoff-max', '1m', '--output-limit-bytes', '4096', '--slots', '2'],
  ...['--cpu-millis', '1500', '--memory-bytes', '1073741824', '--placement', 'pack'],
  ...['--concurrency-key', 'db', '--concurrency-max', '3', '--concurrency-strategy', 'round-robin'],
];
const whole = {
  command: ['make', '-j2'],
  name: 'big',
  labels: { team: 'a', tier: '1' },
  env: { A: '1', B: 'x=y' },
  cwd: '/srv',
  run_as: 'deploy',
  priority: 2,
  delay: '5m',
  not_after: '2030-01-01T00:00:00Z',
  delivery_timeout: '10m',
  execution_timeout: '20m',
  kill_grace: '5s',
  max_attempts: 4,
  backoff: { base: '2s', max: '1m' },
  output_limit_bytes: 4096,
  requests: { slots: 2, cpu_millis: 1500, memory_bytes: 1_073_741_824 },
  placement: 'pack',
  concurrency: { key: 'db', max: 3, strategy: 'round-robin' },
};
const taken = { code: 'validation_failed' } as const;

describe('fluxforge submit', () => {
  it('sends all that was said and nothing else, as the API takes it', async () => {
    const run = await against({}, ['submit', ...everything, '-l', 'role=ci', '--', 'make', '-j2']);
    expect([run.code, run.stdout, run.stderr]).toEqual([0, 'made_1\n', '']);
    const body = { ...whole, selector: 'role=ci' };
    expect(run.asked).toEqual([{ method: 'POST', path: '/v1/tasks', body }]);
    expect(() => validated(TaskBody, body, taken)).not.toThrow();
    const least = await against({}, ['submit', '--', 'true']);
    expect(least.asked).toEqual([{ method: 'POST', path: '/v1/tasks', body: { command: ['true'] } }]);
  });

  it('has an option for each field that a task has', () => {
    const declared = getMetadataStorage().getTargetValidationMetadatas(TaskBody, '', false, false);
    const elsewhere = ['executor', 'agent_id', 'selector', 'not_before'];
    const fields = new Set(declared.map(({ propertyName }) => propertyName));
    expect([...fields].sort()).toEqual([...Object.keys(whole), ...elsewhere].sort());
  });

  it.each([
    ['--placement', placementStrategies.values],
    ['--concurrency-strategy', concurrencyStrategies.values],
    ['--executor', executors.values],
  ])('offers for %s what the API takes', async (option, values) => {
    const { stderr } = await against({}, ['submit', option, 'none-such', '--', 'true']);
    expect(stderr).toContain(`Allowed choices are ${values.join(', ')}.`);
  });

  it('takes a script, a place, a time, or nothing to run', async () => {
    const script = ['submit', '--shell', 'a | b', '--agent', 'agt_1', '--not-before', '2030-01-01T00:00:00Z'];
    expect((await against({}, script)).asked).toMatchObject([
      { body: { command: 'a | b', agent_id: 'agt_1', not_before: '2030-01-01T00:00:00Z' } },
    ]);
    expect((await against({}, ['submit', '--executor', 'noop'])).asked).toMatchObject([
      { body: { executor: 'noop' } },
    ]);
  });

  it.each([
    [['--priority', 'high'], "option '--priority <n>' argument 'high' is invalid. Give a whole number."],
    [['--cpu-millis', '1.5'], 'Give a whole number.'],
    [['--memory-bytes', '1G'], 'Give a whole number.'],
    [['--slots', ''], 'Give a whole number.'],
    [['--attempts', 'NaN'], 'Give a whole number.'],
    [['--concurrency-max', '1e3'], 'Give a whole number.'],
    [['--output-limit-bytes', '99999999999999999999'], 'Give a whole number.'],
    [
      ['--concurrency-strategy', 'fight'],
      'Allowed choices are queue, drop-new, cancel-running, round-robin.',
    ],
    [['--env', 'nonsense'], 'a variable is key=value, not nonsense'],
    [['--executor', 'noop'], 'executor noop runs no command'],
    [['--shell', 'x'], 'give a command after --, or --shell SCRIPT'],
  ])('%j is wrong usage, and nothing is sent', async (args, message) => {
    const { code, stderr, asked } = await against({}, ['submit', ...args, '--', 'true']);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain(message);
  });

  it('says what the API refuses, and each field of it', async () => {
    const errors = [{ field: 'concurrency.key', code: 'required', message: 'is missing' }];
    const problem = { code: 'validation_failed', detail: 'concurrency.key: is missing', errors };
    const refusing = { 'POST /v1/tasks': new Refusal(400, problem) };
    const run = await against(refusing, ['submit', '--concurrency-max', '2', '--', 'true']);
    expect([run.code, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toBe(
      'fluxforge: validation_failed: concurrency.key: is missing\n  concurrency.key: is missing\n',
    );
  });
});

describe('fluxforge fanout', () => {
  const counts = { succeeded: 2, failed: 0, not_started: 0, unknown: 0 };
  const id = 'made_1';
  const sums = { queued: 1, running: 0, succeeded: 1, failed: 1, not_started: 0, unknown: 0 };
  const running = { id, status: { phase: 'running', members: 4, ...sums } };
  const over = { id, status: { phase: 'ended', reason: 'fanout_complete', members: 2, ...counts } };
  /** It began before its members were counted. */
  const uncounted = { id, status: { phase: 'running', members: 4, queued: null, succeeded: null } };
  const far = 'made_1: 2 of 4 ended, 1 succeeded, 1 under way, 1 not begun\n';

  it('gives each member all that a task has', async () => {
    const budgets = ['--max-concurrency', '10%', '--max-failures', '3'];
    const run = await against({}, ['fanout', ...everything, '-l', '*', ...budgets, '--', 'make', '-j2']);
    expect([run.code, run.stdout]).toEqual([0, 'made_1\n']);
    const body = { selector: '*', task: whole, max_concurrency: '10%', max_failures: '3' };
    expect(run.asked).toEqual([{ method: 'POST', path: '/v1/fanouts', body }]);
    expect(() => fanoutSpecOf(validated(FanoutBody, body, taken), 0)).not.toThrow();
  });

  /** It is asked for every 300 ms, and runs until it is time to tell how far it is. */
  const watched = (answer: unknown) => {
    let asked = 0;
    return { 'GET /v1/fanouts/made_1': () => (++asked < 7 ? answer : over) };
  };

  it('says while it waits how far it is, beside what is printed', async () => {
    const run = await against(watched(running), ['fanout', '-l', '*', '--wait', '--', 'true']);
    expect(run).toMatchObject({ code: 0, stderr: far });
    expect(run.stdout).toBe('made_1: 2 of 2 succeeded, 0 failed, 0 not started, 0 unknown\n');
  });

  it('waits on when nobody has counted how far it is', async () => {
    const run = await against(watched(uncounted), ['fanout', '-l', '*', '--wait', '--', 'true']);
    expect([run.code, run.stderr]).toEqual([0, '']);
  });

  it('needs one thing to run', async () => {
    const { code, stderr, asked } = await against({}, ['fanout', '-l', '*']);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toBe('fluxforge: give a command after --, or --shell SCRIPT\n');
  });

  it('is shown whole, with how far it is while it runs', async () => {
    const run = await against({ 'GET /v1/fanouts/made_1': running }, ['get', 'fanouts', 'made_1']);
    expect([run.code, JSON.parse(run.stdout), run.stderr]).toEqual([0, running, far]);
    const ended = await against({ 'GET /v1/fanouts/made_1': over }, ['get', 'fanout', 'made_1']);
    expect([ended.stderr, ended.asked.length]).toEqual(['', 1]);
  });
});

describe('fluxforge fanout-cancel', () => {
  it('asks for it, and says why', async () => {
    const run = await against({}, ['fanout-cancel', 'fan_1']);
    expect([run.code, run.stdout]).toEqual([0, 'fan_1: cancel requested\n']);
    expect(run.asked).toEqual([{ method: 'POST', path: '/v1/fanouts/fan_1/cancel' }]);
    const { asked } = await against({}, ['fanout-cancel', 'fan_1', '--reason', 'enough']);
    expect(asked).toMatchObject([{ body: { reason: 'enough' } }]);
  });

  it('fails when it has ended', async () => {
    const over = { state: 'rejected', code: 'conflict', message: 'The fan-out has ended.' };
    const run = await against({ 'GET /v1/commands/cmd_1': over }, ['fanout-cancel', 'fan_1']);
    expect([run.code, run.stderr]).toEqual([1, 'fluxforge: conflict: The fan-out has ended.\n']);
  });
});

describe('fluxforge schedule', () => {
  const list = 'GET /v1/schedules';

  it.each([
    ['suspend', 'POST', '/suspend', 'suspended'],
    ['resume', 'POST', '/resume', 'resumed'],
    ['delete', 'DELETE', '', 'deleted'],
  ])('%s, by id or by name', async (verb, method, suffix, done) => {
    const byId = await against({}, ['schedule', verb, 'sch_1', '--reason', 'holidays']);
    expect([byId.code, byId.stdout]).toEqual([0, `sch_1: ${done}\n`]);
    const path = `/v1/schedules/sch_1${suffix}`;
    expect(byId.asked).toEqual([{ method, path, reason: 'holidays' }]);
    const named = await against({ [list]: { items: [{ id: 'sch_1' }] } }, ['schedule', verb, 'nightly']);
    expect([named.code, named.stdout]).toEqual([0, `nightly: ${done}\n`]);
    expect(named.asked.at(-1)).toEqual({ method, path });
  });

  it('leaves those alone that share a name', async () => {
    const two = { [list]: { items: [{ id: 'sch_1' }, { id: 'sch_2' }] } };
    const run = await against(two, ['schedule', 'delete', 'nightly']);
    expect([run.code, run.asked.length]).toEqual([1, 1]);
    expect(run.stderr).toBe('fluxforge: there are several schedules of this name: sch_1,sch_2\n');
  });

  it('says that there is none', async () => {
    const none = new Refusal(404, { code: 'not_found', detail: 'There is no such resource.' });
    const answers = { [list]: { items: [] }, 'DELETE /v1/schedules/nightly': none };
    const run = await against(answers, ['schedule', 'delete', 'nightly']);
    expect([run.code, run.stderr]).toEqual([1, 'fluxforge: not_found: There is no such resource.\n']);
    const wrong = await against({}, ['schedule', 'explode', 'sch_1']);
    expect([wrong.code, wrong.asked]).toEqual([2, []]);
  });
});
