import { modes } from '@fluxforge/events/catalogue';
import { against, Refusal } from './fake-api.js';

jest.setTimeout(30_000);

const forbidden = new Refusal(403, {
  code: 'forbidden',
  detail: 'This is for the operator of the whole cluster.',
});

describe('fluxforge limits', () => {
  const tenant = {
    id: 'ten_1',
    name: 'acme',
    limits: { max_queued_tasks: 10, weight: 2 },
    mode: 'degraded',
  };
  const shown = 'LIMIT             VALUE\nmax_queued_tasks  10\nweight            2\n';

  it.each([[[]], [['ten_1']], [['acme']]])('%j shows those of the own tenant', async (args) => {
    const run = await against({ 'GET /v1/tenant': tenant }, ['limits', ...args]);
    expect([run.code, run.stdout, run.stderr]).toEqual([0, shown, '']);
    expect(run.asked).toEqual([{ method: 'GET', path: '/v1/tenant' }]);
  });

  it('shows them as JSON, and says when there are none', async () => {
    const run = await against({ 'GET /v1/tenant': tenant }, ['limits', '-o', 'json']);
    expect(JSON.parse(run.stdout)).toEqual(tenant.limits);
    const none = await against({ 'GET /v1/tenant': { ...tenant, limits: {} } }, ['limits']);
    expect(none.stdout).toBe('none\n');
  });

  it('says that those of another are not shown', async () => {
    const run = await against({ 'GET /v1/tenant': tenant }, ['limits', 'ten_2']);
    expect([run.code, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toBe("fluxforge: only the limits of the key's own tenant are shown, ten_1\n");
  });

  it('sets and lifts what is said of the own tenant', async () => {
    const said = [
      '--set',
      'max_agents=9',
      'weight=3',
      '--unset',
      'max_running_tasks',
      '--reason',
      'more rôom',
    ];
    const run = await against({}, ['limits', ...said]);
    const changes = 'max_agents=9 weight=3 max_running_tasks=none';
    expect([run.code, run.stdout]).toEqual([0, `limits: ${changes}\n`]);
    const body = { max_agents: 9, weight: 3, max_running_tasks: null };
    expect(run.asked).toEqual([{ method: 'PATCH', path: '/v1/tenant/limits', body, reason: 'more rôom' }]);
  });

  it('asks for those of another tenant, and does not claim more', async () => {
    const run = await against({}, ['limits', 'ten_2', '--set', 'weight=3']);
    expect([run.code, run.stdout]).toEqual([0, 'ten_2: weight=3 asked for\n']);
    expect(run.asked).toEqual([{ method: 'PATCH', path: '/v1/tenants/ten_2/limits', body: { weight: 3 } }]);
    const refused = await against({ 'PATCH /v1/tenants/ten_2/limits': forbidden }, [
      ...['limits', 'ten_2', '--unset', 'weight'],
    ]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toBe('fluxforge: forbidden: This is for the operator of the whole cluster.\n');
  });

  it.each([
    [['--set', 'weight=heavy'], 'Give a whole number.'],
    [['--set', 'weight='], 'Give a whole number.'],
    [['--set', 'weight=2', 'ten_1'], 'Give name=value.'],
    [['--set', 'weight=2', '--unset', 'weight'], 'both set and unset: weight'],
    [['--set', 'weight=2', '--reason', 'two\nlines'], 'Give one line of at most 512 Latin characters.'],
    [['-o', 'yaml'], 'Allowed choices are json.'],
  ])('%j is wrong usage, and nothing is sent', async (args, message) => {
    const { code, stderr, asked } = await against({}, ['limits', ...args]);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain(message);
  });

  it('fails when the owner refuses what was accepted', async () => {
    const rejected = { state: 'rejected', code: 'invalid', message: 'weight: must be from 1 to 1000' };
    const run = await against({ 'GET /v1/commands/cmd_1': rejected }, ['limits', '--set', 'weight=3']);
    expect([run.code, run.stderr]).toEqual([1, 'fluxforge: invalid: weight: must be from 1 to 1000\n']);
  });
});

describe('fluxforge mode', () => {
  it('shows the one that holds', async () => {
    const run = await against({ 'GET /v1/tenant': { mode: 'read-only' } }, ['mode']);
    expect([run.code, run.stdout]).toEqual([0, 'read-only\n']);
  });

  it('is whole as JSON, shown or set', async () => {
    const shown = await against({ 'GET /v1/tenant': { id: 'ten_1', mode: 'degraded' } }, [
      'mode',
      '-o',
      'json',
    ]);
    expect(JSON.parse(shown.stdout)).toEqual({ mode: 'degraded' });
    const set = await against({}, ['mode', 'normal', '-o', 'json']);
    expect(JSON.parse(set.stdout)).toMatchObject({ command_id: 'cmd_1', command: { state: 'accepted' } });
    const partitions = { partitions: [{ partition: 0 }] };
    const cluster = ['mode', 'normal', '--cluster', '-o', 'json'];
    const asked = await against({ 'PUT /v1/cluster/mode': partitions }, cluster);
    expect(JSON.parse(asked.stdout)).toEqual(partitions);
  });

  it.each(modes.values)('sets %s', async (mode) => {
    const run = await against({}, ['mode', mode, '--reason', 'repair']);
    expect([run.code, run.stdout]).toEqual([0, `tenant: ${mode}\n`]);
    expect(run.asked).toEqual([{ method: 'PUT', path: '/v1/tenant/mode', body: { mode }, reason: 'repair' }]);
  });

  it('asks for that of the cluster', async () => {
    const run = await against({ 'PUT /v1/cluster/mode': { partitions: [{}, {}] } }, [
      ...['mode', 'draining', '--cluster'],
    ]);
    expect([run.code, run.stdout]).toEqual([0, 'cluster: draining asked of 2 partitions\n']);
    expect(run.asked).toEqual([{ method: 'PUT', path: '/v1/cluster/mode', body: { mode: 'draining' } }]);
    const refused = await against({ 'PUT /v1/cluster/mode': forbidden }, ['mode', 'normal', '--cluster']);
    expect([refused.code, refused.stderr.split('\n').length]).toEqual([1, 2]);
  });

  it.each([[['asleep']], [['--cluster']], [['normal', '--reason', '']]])(
    '%j is wrong usage, and nothing is sent',
    async (args) => {
      const { code, asked } = await against({}, ['mode', ...args]);
      expect([code, asked]).toEqual([2, []]);
    },
  );
});

describe('fluxforge queue', () => {
  const queue = {
    queued: 12,
    ready: 3,
    running: 2,
    by_priority: [1, 0, 0, 0, 0, 11, 0, 0, 0, 0],
    oldest_wait_ms: 42_300,
    as_of: '2030-01-01T00:00:00.000Z',
    source: 'mirror',
    age_ms: 120,
  };

  it('is a table, with the priorities that wait', async () => {
    const run = await against({ 'GET /v1/queue': queue }, ['queue']);
    expect([run.code, run.stdout]).toEqual([
      0,
      [
        'QUEUED  READY  RUNNING  OLDEST WAIT  SOURCE',
        '12      3      2        42s          mirror, 120 ms old',
        '',
        'PRIORITY  QUEUED',
        '0         1',
        '5         11',
        '',
      ].join('\n'),
    ]);
  });

  it('is short when nothing waits, and whole as JSON', async () => {
    const none = { ...queue, queued: 0, ready: 0, running: 0, by_priority: [0], source: 'owner' };
    const run = await against({ 'GET /v1/queue': none }, ['queue']);
    expect(run.stdout).toBe(
      'QUEUED  READY  RUNNING  OLDEST WAIT  SOURCE\n0       0      0                     owner\n',
    );
    const whole = await against({ 'GET /v1/queue': queue }, ['queue', '-o', 'json']);
    expect(JSON.parse(whole.stdout)).toEqual(queue);
  });

  it('says who does not answer', async () => {
    const away = new Refusal(503, { code: 'owner_unavailable', detail: 'The owner does not answer.' });
    const run = await against({ 'GET /v1/queue': away }, ['queue']);
    expect([run.code, run.stdout, run.stderr]).toEqual([
      1,
      '',
      'fluxforge: owner_unavailable: The owner does not answer.\n',
    ]);
  });
});

describe('breakers and the brake', () => {
  const until = '2030-01-01T00:00:00.000Z';
  const found = {
    breakers: [
      { scope: 'agent', name: 'agt_1', phase: 'open', until, openings: 2 },
      { scope: 'domain', name: 'eu-1', phase: 'half-open', until: null, openings: 1 },
    ],
    brake: { until, lost_agents: 6, agents: 10 },
  };

  it('are listed', async () => {
    const run = await against({ 'GET /v1/breakers': found }, ['breakers']);
    expect([run.code, run.stdout.split('\n')]).toEqual([
      0,
      [
        'SCOPE   NAME   PHASE      UNTIL                     OPENINGS',
        'agent   agt_1  open       2030-01-01T00:00:00.000Z  2',
        'domain  eu-1   half-open                            1',
        'brake on mass loss: 6 of 10 agents fell silent, until 2030-01-01T00:00:00.000Z',
        '',
      ],
    ]);
    const none = await against({ 'GET /v1/breakers': { breakers: [], brake: null } }, ['breakers']);
    expect(none.stdout).toBe('none\n');
    const whole = await against({ 'GET /v1/breakers': found }, ['breakers', '-o', 'json']);
    expect(JSON.parse(whole.stdout)).toEqual(found);
  });

  it.each([
    ['agent', 'agt_1', '/v1/agents/agt_1/reset-breaker'],
    ['domain', 'eu 1/b', '/v1/failure-domains/eu%201%2Fb/reset-breaker'],
  ])('of one %s is closed', async (scope, name, path) => {
    const run = await against({}, ['breaker-reset', scope, name, '--reason', 'seen to']);
    expect([run.code, run.stdout]).toEqual([0, `${scope} ${name}: breaker closed\n`]);
    expect(run.asked).toEqual([{ method: 'POST', path, reason: 'seen to' }]);
  });

  it('the brake is released', async () => {
    const run = await against({}, ['release-brake']);
    expect([run.code, run.stdout]).toEqual([0, 'brake released\n']);
    expect(run.asked).toEqual([{ method: 'POST', path: '/v1/tenant/release-brake' }]);
  });

  it('are left alone when there is nothing to close or to release', async () => {
    const unchanged = { 'GET /v1/commands/cmd_1': { state: 'accepted', event_type: 'command.accepted' } };
    const reset = await against(unchanged, ['breaker-reset', 'agent', 'agt_1']);
    expect([reset.code, reset.stdout]).toEqual([0, 'agent agt_1: breaker was closed already\n']);
    const released = await against(unchanged, ['release-brake']);
    expect([released.code, released.stdout]).toEqual([0, 'no brake was set\n']);
  });

  it('fail in one line', async () => {
    const none = { code: 'not_found', detail: 'There is no such resource.' };
    const answers = {
      'POST /v1/agents/agt_9/reset-breaker': new Refusal(404, none),
      'POST /v1/tenant/release-brake': forbidden,
    };
    const reset = await against(answers, ['breaker-reset', 'agent', 'agt_9']);
    expect([reset.code, reset.stderr]).toEqual([1, 'fluxforge: not_found: There is no such resource.\n']);
    expect((await against(answers, ['release-brake'])).code).toBe(1);
    const wrong = await against(answers, ['breaker-reset', 'zone', 'a']);
    expect([wrong.code, wrong.asked]).toEqual([2, []]);
  });
});

describe('fluxforge drain', () => {
  it('gives nothing new, and work again', async () => {
    const drained = await against({}, ['drain', 'agt_1', '--reason', 'disk']);
    expect([drained.code, drained.stdout]).toEqual([0, 'agt_1: draining\n']);
    expect(drained.asked).toEqual([{ method: 'POST', path: '/v1/agents/agt_1/drain', reason: 'disk' }]);
    const back = await against({}, ['undrain', 'agt_1']);
    expect([back.code, back.stdout]).toEqual([0, 'agt_1: given work again\n']);
    expect(back.asked).toEqual([{ method: 'POST', path: '/v1/agents/agt_1/undrain' }]);
  });

  it('moves what runs then, after a duration or at a time', async () => {
    const deadline = '2031-01-01T00:00:00Z';
    const at = await against({}, ['drain', 'agt_1', '--deadline', deadline]);
    expect(at.stdout).toBe(`agt_1: draining, what runs then is moved at ${deadline}\n`);
    expect(at.asked).toEqual([{ method: 'POST', path: '/v1/agents/agt_1/drain', body: { deadline } }]);
    const fromMs = Date.now();
    const after = await against({}, ['drain', 'agt_1', '--deadline', '1d2h3m4s5ms']);
    const { body } = after.asked[0] as { body: { deadline: string } };
    const spanMs = 86_400_000 + 2 * 3_600_000 + 3 * 60_000 + 4_005;
    expect(Date.parse(body.deadline)).toBeGreaterThanOrEqual(fromMs + spanMs);
    expect(Date.parse(body.deadline)).toBeLessThanOrEqual(Date.now() + spanMs);
  });

  it.each(['soon', '', '5', '5m1h', '1h1h', '-5m', '999999999999d'])(
    '%j is no deadline, and nothing is sent',
    async (word) => {
      const { code, stderr, asked } = await against({}, ['drain', 'agt_1', '--deadline', word]);
      expect([code, asked]).toEqual([2, []]);
      expect(stderr).toContain('Give a duration such as 30m');
    },
  );

  it('fails in one line', async () => {
    const none = new Refusal(404, { code: 'not_found', detail: 'There is no such resource.' });
    for (const verb of ['drain', 'undrain']) {
      const run = await against({ [`POST /v1/agents/agt_9/${verb}`]: none }, [verb, 'agt_9']);
      expect([run.code, run.stderr]).toEqual([1, 'fluxforge: not_found: There is no such resource.\n']);
    }
  });
});

describe('fluxforge agents', () => {
  it.each(['agents', 'agent'])('%s remove takes one out for good', async (noun) => {
    const run = await against({}, [noun, 'remove', 'agt_1', '--reason', 'sold']);
    expect([run.code, run.stdout]).toEqual([0, 'agt_1: removed\n']);
    expect(run.asked).toEqual([{ method: 'DELETE', path: '/v1/agents/agt_1', reason: 'sold' }]);
  });

  it('needs to be told which, and what with it', async () => {
    for (const args of [['agents'], ['agents', 'remove'], ['agents', 'explode', 'agt_1']]) {
      const { code, asked } = await against({}, args);
      expect([args, code, asked]).toEqual([args, 2, []]);
    }
    const refused = await against({ 'DELETE /v1/agents/agt_1': forbidden }, ['agents', 'remove', 'agt_1']);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
  });
});

describe('fluxforge simulate', () => {
  const task = (n: number) => `added-${n}`;
  const answer = {
    admitted: 6,
    rejected: [{ task_id: task(7), reason: 'quota_queued_tasks' }],
    placed: [{ task_id: task(1), agent_id: 'agt_1' }],
    delayed: [2, 3, 4, 5].map((n) => ({ task_id: task(n), rule: 'quota_running_tasks' })),
    changed: [
      { task_id: 'tsk_1', before: 'agents_full', after: 'agent_draining' },
      { task_id: 'tsk_2', before: null, after: 'not_before' },
    ],
    changed_more: 7,
    waited_for: [{ task_id: 'tsk_3', agent_id: 'agt_2' }],
    waited_for_more: 0,
    ended: [{ task_id: task(6), reason: 'expired' }],
    agents_unknown: ['agt_9'],
    complete: false,
  };
  const answers = { 'POST /v1/simulations': answer };
  const body = { limits: { max_running_tasks: 1 }, add_tasks: [{ task: { command: 'true' }, count: 3 }] };

  it('sends what the file says, and sums up what would be', async () => {
    const run = await against(answers, ['simulate', '-f', 'examples/simulations/one-at-a-time.yaml']);
    expect(run.asked).toEqual([{ method: 'POST', path: '/v1/simulations', body }]);
    expect([run.code, run.stderr, run.stdout.split('\n')]).toEqual([
      0,
      '',
      [
        'admitted 6, rejected 1',
        'WOULD BE    TASKS  WHERE OR WHY                      WHICH',
        'placed      1      agt_1                             added-1',
        'delayed     4      quota_running_tasks               added-2 added-3 added-4 ...',
        'changed     1      agents_full, then agent_draining  tsk_1',
        'changed     1      not_before                        tsk_2',
        'changed     7                                        not named',
        'waited for  1      agt_2                             tsk_3',
        'rejected    1      quota_queued_tasks                added-7',
        'ended       1      expired                           added-6',
        'there are no such agents: agt_9',
        'there would be more decisions than one simulation makes',
        '',
      ],
    ]);
  });

  it('reads JSON from standard input, and prints the whole answer as such', async () => {
    const run = await against(answers, ['simulate', '-f', '-', '-o', 'json'], JSON.stringify(body));
    expect(run.asked).toMatchObject([{ body }]);
    expect(JSON.parse(run.stdout)).toEqual(answer);
    const none = {
      ...{ admitted: 0, rejected: [], placed: [], delayed: [], ended: [], agents_unknown: [] },
      ...{ changed: [], changed_more: 0, waited_for: [], waited_for_more: 0 },
    };
    const short = await against(
      { 'POST /v1/simulations': { ...none, complete: true } },
      [...['simulate', '-f', '-']],
      '{}',
    );
    expect(short.stdout).toBe('admitted 0, rejected 0\n');
  });

  it.each([
    ['', 'there is nothing in it'],
    ['- a', 'must be a mapping'],
    ['a: 1\n---\nb: 2', 'must be one document'],
    ['a: [', ''],
  ])('refuses %j before anything is sent', async (input, message) => {
    const { code, stderr, asked } = await against(answers, ['simulate', '-f', '-'], input);
    expect([code, asked]).toEqual([1, []]);
    expect(stderr).toMatch(/^fluxforge: -: /);
    expect(stderr).toContain(message);
  });

  it('says what the API refuses, and needs a file', async () => {
    const errors = [{ field: 'limits.weight', message: 'must be from 1 to 1000' }];
    const problem = { code: 'validation_failed', detail: 'limits.weight: must be from 1 to 1000', errors };
    const run = await against(
      { 'POST /v1/simulations': new Refusal(400, problem) },
      [...['simulate', '-f', '-']],
      'limits: { weight: 0 }',
    );
    expect([run.code, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toContain('fluxforge: validation_failed: limits.weight: must be from 1 to 1000\n');
    expect((await against({}, ['simulate'])).code).toBe(2);
  });
});
