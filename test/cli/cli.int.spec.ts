import { startWholeSystem, type WholeSystem } from '../api/whole-system.js';
import { fluxforge } from './run-cli.js';

jest.setTimeout(60_000);

const yaml = (interval: string) => `
kind: State
name: motd
selector: role=web
check_cmd: 'true'
apply_cmd: 'true'
interval: ${interval}
---
kind: Task
name: once
executor: noop
idempotency_key: the-one
`;

describe('the command line against the whole system', () => {
  let system: WholeSystem;
  let env: Record<string, string>;

  beforeAll(async () => {
    system = await startWholeSystem();
    env = { FLUXFORGE_API_URL: system.url, FLUXFORGE_API_KEY: await system.tenant('acme') };
  });
  afterAll(() => system?.close());

  const run = (args: readonly string[], input?: string) =>
    fluxforge(args, { env, ...(input === undefined ? {} : { input }) });

  /** The API's own view of tenants follows the log a moment later than the read models. */
  const shows = async (args: readonly string[], text: RegExp) => {
    const untilMs = Date.now() + 10_000;
    let { stdout } = await run(args);
    while (!text.test(stdout) && Date.now() < untilMs) ({ stdout } = await run(args));
    expect(stdout).toMatch(text);
  };

  it('creates, leaves alone and updates by name, and is done when the owner has decided', async () => {
    const first = await run(['apply', '-f', '-'], yaml('60s'));
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(/^state\/motd: created as (sta_\w+)\ntask\/once: submitted as (tsk_\w+)\n$/);
    const again = await run(['apply', '-f', '-'], yaml('60s'));
    expect(again.stdout).toMatch(/^state\/motd: unchanged/);
    // Named by its key, it is the same task.
    expect(again.stdout.split('submitted as ')[1]).toBe(first.stdout.split('submitted as ')[1]);
    const changed = await run(['apply', '-f', '-'], yaml('5m'));
    expect(changed.stdout).toMatch(/^state\/motd: updated/);
    const shown = await run(['get', 'state', 'motd']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ name: 'motd', interval: '5m', generation: 2 });
  });

  it('lists states and tasks, and tells the history of one', async () => {
    expect((await run(['get', 'states'])).stdout).toContain('motd');
    const { stdout } = await run(['get', 'tasks', '-o', 'json']);
    const [task] = JSON.parse(stdout) as { id: string }[];
    const events = await run(['events', task?.id ?? '']);
    expect([events.code, events.stdout]).toEqual([0, expect.stringContaining('task.queued') as string]);
    expect((await run(['get', 'targets', 'motd'])).stdout).toBe('none\n');
  });

  it('applies schedules by name, and lists them', async () => {
    const schedule = (cron: string) =>
      `kind: Schedule\nname: nightly\ncron: '${cron}'\ntime_zone: Europe/Berlin\ntask: { command: 'true' }\n`;
    const first = await run(['apply', '-f', '-'], schedule('@daily'));
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(/^schedule\/nightly: created as sch_\w+\n$/);
    expect((await run(['apply', '-f', '-'], schedule('0 0 * * *'))).stdout).toMatch(/: unchanged/);
    expect((await run(['apply', '-f', '-'], schedule('30 2 * * *'))).stdout).toMatch(/: updated/);
    expect((await run(['get', 'schedules'])).stdout).toContain('30 2 * * *');
    expect((await run(['schedule', 'suspend', 'nightly'])).stdout).toBe('nightly: suspended\n');
    await shows(['get', 'schedules'], /suspended/);
    expect((await run(['schedule', 'resume', 'nightly'])).stdout).toBe('nightly: resumed\n');
    expect((await run(['schedule', 'delete', 'nightly'])).stdout).toBe('nightly: deleted\n');
    await shows(['get', 'schedules'], /^none$/m);
  });

  it('fans out, and says so when there is nobody', async () => {
    const none = await run(['fanout', '-l', 'role=web', '--wait', '--', 'uptime']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no_agent_matches') as string]);
    const { stdout } = await run(['get', 'fanouts', '-o', 'json']);
    const [fanout] = JSON.parse(stdout) as { id: string; status: object }[];
    expect(fanout?.status).toMatchObject({ phase: 'rejected', members: 0 });
    const again = await run(['fanout-retry', fanout?.id ?? '']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('came out so') as string]);
    expect((await run(['fanout', '-l', '*'])).stderr).toContain('give a command');
    const late = await run(['fanout-cancel', fanout?.id ?? '']);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('has ended') as string]);
  });

  it('fails with the problem, and its fields, when something is wrong', async () => {
    const bad = await run(
      ['apply', '-f', '-'],
      'kind: State\nname: bad\ncheck_cmd: x\nselector: "(("\nintervall: 1s\n',
    );
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('intervall: there is no such field');
    expect(bad.stderr).toContain('1 of 1 documents were not applied');
    const gone = await run(['get', 'task', 'tsk_none']);
    expect([gone.code, gone.stderr]).toEqual([1, 'fluxforge: not_found: There is no such resource.\n']);
    const cancel = await run(['cancel', 'tsk_none']);
    expect([cancel.code, cancel.stderr]).toEqual([1, expect.stringContaining('not_found') as string]);
  });

  it('makes join tokens', async () => {
    const { code, stdout } = await run(['join-token', '-l', 'zone=a', '--expires-in', '5m']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^ffj_ten_\w+\n$/) as string]);
    expect((await run(['join-token', '-l', 'nonsense'])).code).toBe(2);
  });

  it('shows and changes what an operator has to say', async () => {
    const set = await run(['limits', '--set', 'max_running_tasks=7', '--reason', 'spec']);
    expect([set.code, set.stdout, set.stderr]).toEqual([0, 'limits: max_running_tasks=7\n', '']);
    await shows(['limits'], /^max_running_tasks +7$/m);
    expect((await run(['limits', '--unset', 'max_running_tasks'])).code).toBe(0);
    await shows(['limits'], /^(?!.*max_running_tasks)/s);
    expect((await run(['mode', 'read-only'])).stdout).toBe('tenant: read-only\n');
    await shows(['mode'], /^read-only$/m);
    expect((await run(['mode', 'normal'])).code).toBe(0);
    expect((await run(['mode', 'normal', '--cluster'])).stderr).toContain('forbidden: ');
    expect((await run(['release-brake'])).stdout).toBe('no brake was set\n');
    for (const verb of [['drain'], ['undrain'], ['agents', 'remove'], ['breaker-reset', 'agent']])
      expect((await run([...verb, 'agt_none'])).stderr).toBe(
        'fluxforge: not_found: There is no such resource.\n',
      );
  });

  it('asks the scheduler: the queue, the breakers, and what would be', async () => {
    expect((await run(['queue'])).stdout).toMatch(/^QUEUED +READY +RUNNING/);
    expect((await run(['breakers'])).stdout).toBe('none\n');
    const simulated = await run(['simulate', '-f', 'examples/simulations/one-at-a-time.yaml']);
    expect([simulated.code, simulated.stdout]).toEqual([0, expect.stringContaining('admitted 3') as string]);
  });

  it('suspends, resumes and deletes by name', async () => {
    for (const verb of ['suspend', 'resume', 'delete']) expect((await run([verb, 'motd'])).code).toBe(0);
    expect((await run(['get', 'states'])).stdout).toBe('none\n');
  });
});
