import { fieldCodes } from './http/index.js';
import {
  commandsOf,
  keyEntry,
  startInMemory,
  tenantEntry,
  type InMemoryApi,
} from './testing/api-in-memory.js';
import { RulesInMemory } from './testing/rules-in-memory.js';

const key = 'ffk_acmekey00';
const state = { name: 'motd', check_cmd: 'true', apply_cmd: 'true', selector: 'role=web' };
const task = { command: 'true' };
const enrol = { join_token: 'ffj_ten_acme_0123456789abcdefghjk', name: 'a', credential_hash: 'a'.repeat(64) };

const nul = 'a\u0000b';
const wrongText = [
  [1, 'wrong_type'],
  [true, 'wrong_type'],
  [null, 'wrong_type'],
  [{}, 'wrong_type'],
  [nul, 'contains_nul'],
  ['\ud800', 'bad_format'],
];
const wrongName = [
  ...wrongText,
  ['', 'too_short'],
  ['x'.repeat(129), 'too_long'],
  [' a', 'bad_format'],
  ['a\nb', 'bad_format'],
  ['\u202eabc', 'bad_format'],
  ['$(id)', 'bad_format'],
  ['名', 'bad_format'],
];
const wrongCommand = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  [{}, 'wrong_type'],
  ['', 'too_short'],
  [[], 'too_short'],
  [[''], 'too_short', '[0]'],
  [[1], 'wrong_type', '[0]'],
  [['a', nul], 'contains_nul', '[1]'],
  [nul, 'contains_nul'],
  ['x'.repeat(65_537), 'too_long'],
  [Array(257).fill('a'), 'too_long'],
];
const wrongDuration = [
  [60, 'wrong_type'],
  [null, 'wrong_type'],
  [[], 'wrong_type'],
  ['', 'bad_format'],
  ['60', 'bad_format'],
  ['-1s', 'bad_format'],
  ['1.5s', 'bad_format'],
  ['PT5M', 'bad_format'],
  ['1e309s', 'bad_format'],
  [nul, 'bad_format'],
  ['99999d', 'out_of_range'],
];
const wrongSelector = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  [[], 'wrong_type'],
  ['', 'too_short'],
  [' ', 'too_short'],
  [{}, 'bad_format'],
  [{ a: 1 }, 'bad_format'],
  ['(', 'bad_format'],
  ['(a+)+$', 'bad_format'],
  [nul, 'contains_nul'],
  ['a,'.repeat(3000), 'too_long'],
];
const wrongLabels = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  [[], 'wrong_type'],
  ['a=b', 'wrong_type'],
  [{ 'a b': 'c' }, 'bad_format', '.a b'],
  [{ a: 1 }, 'wrong_type', '.a'],
  [{ a: nul }, 'contains_nul', '.a'],
  [{ a: 'x'.repeat(64) }, 'too_long', '.a'],
  [{ a: 'b c' }, 'bad_format', '.a'],
  [{ ['k'.repeat(64)]: 'v' }, 'bad_format', `.${'k'.repeat(64)}`],
  [Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v'])), 'too_long'],
];
const wrongEnv = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  [[], 'wrong_type'],
  [{ 'A=B': 'c' }, 'bad_format', '.A=B'],
  [{ '': 'c' }, 'bad_format', '.'],
  [{ A: 1 }, 'wrong_type', '.A'],
  [{ A: nul }, 'contains_nul', '.A'],
  [{ A: 'x'.repeat(32_769) }, 'too_long', '.A'],
  [Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`K${i}`, 'v'])), 'too_long'],
];
const wrongInteger = [
  ['1', 'wrong_type'],
  [1.5, 'wrong_type'],
  [null, 'wrong_type'],
  [true, 'wrong_type'],
  [[], 'wrong_type'],
  [-1, 'out_of_range'],
  [2 ** 53, 'out_of_range'],
];
const wrongBackoff = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  ['5s', 'wrong_type'],
  [{}, 'required', '.base'],
  [{ base: '1s' }, 'required', '.max'],
  [{ base: '1s', max: '5s', by: 2 }, 'unknown_field', '.by'],
  [{ base: 1, max: '5s' }, 'wrong_type', '.base'],
  [{ base: '1m', max: '5s' }, 'inconsistent'],
];
const window = { effect: 'allow', cron: '0 22 * * *', time_zone: 'UTC', duration: '6h' };
const wrongWindows = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  [{}, 'wrong_type'],
  [[1], 'wrong_type', '[0]'],
  [Array(17).fill(window), 'too_long'],
  [[window, { ...window, effect: 'maybe' }], 'not_allowed', '[1].effect'],
  [[{ ...window, cron: '* * * * * *' }], 'bad_format', '[0].cron'],
  [[{ ...window, cron: '0 25 * * *' }], 'bad_format', '[0].cron'],
  [[{ ...window, cron: '*/1,'.repeat(100) }], 'too_long', '[0].cron'],
  [[{ ...window, time_zone: 'Mars/Olympus' }], 'bad_format', '[0].time_zone'],
  [[{ ...window, duration: '30s' }], 'out_of_range', '[0].duration'],
  [[{ ...window, duration: '99999d' }], 'out_of_range', '[0].duration'],
  [[{ ...window, by: 1 }], 'unknown_field', '[0].by'],
];
const wrongBudget = [
  [null, 'wrong_type'],
  [{}, 'wrong_type'],
  ['', 'bad_format'],
  ['101%', 'bad_format'],
  [-1, 'bad_format'],
  [1.5, 'bad_format'],
  ['half', 'bad_format'],
];
const wrongTime = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  ['tomorrow', 'bad_format'],
  ['2030-01-01', 'bad_format'],
  ['2030-13-01T00:00:00Z', 'bad_format'],
  ['9'.repeat(50), 'bad_format'],
];
const wrongUser = [
  ...wrongText,
  ['', 'too_short'],
  ['root; id', 'bad_format'],
  ['-u', 'bad_format'],
  ['x'.repeat(65), 'too_long'],
];
const wrongPath = [
  ...wrongText,
  ['', 'too_short'],
  ['tmp', 'bad_format'],
  [`/${'x'.repeat(4096)}`, 'too_long'],
];
const oneOfWrong = [
  [1, 'wrong_type'],
  [null, 'wrong_type'],
  ['', 'not_allowed'],
  ['other', 'not_allowed'],
  ['toString', 'not_allowed'],
];

type Row = readonly unknown[];
const tables: Readonly<Record<string, { base: object; fields: Readonly<Record<string, readonly Row[]>> }>> = {
  '/v1/states': {
    base: state,
    fields: {
      name: wrongName,
      labels: wrongLabels,
      check_cmd: wrongCommand,
      apply_cmd: wrongCommand,
      selector: wrongSelector,
      interval: [...wrongDuration, ['999ms', 'out_of_range'], ['8d', 'out_of_range']],
      check_timeout: wrongDuration,
      apply_timeout: wrongDuration,
      run_as: wrongUser,
      env: wrongEnv,
      cwd: wrongPath,
      mode: oneOfWrong,
      max_concurrency: wrongBudget,
      max_failures: wrongBudget,
      attempts: [...wrongInteger, [0, 'out_of_range'], [101, 'out_of_range']],
      backoff: wrongBackoff,
      priority: [...wrongInteger, [10, 'out_of_range']],
      windows: wrongWindows,
    },
  },
  '/v1/tasks': {
    base: task,
    fields: {
      name: wrongName,
      labels: wrongLabels,
      executor: oneOfWrong,
      command: wrongCommand,
      env: wrongEnv,
      cwd: wrongPath,
      run_as: wrongUser,
      agent_id: [...wrongText, ['../x', 'bad_format'], ['x'.repeat(129), 'too_long']],
      selector: wrongSelector,
      priority: wrongInteger,
      not_before: wrongTime,
      not_after: wrongTime,
      delivery_timeout: wrongDuration,
      execution_timeout: wrongDuration,
      kill_grace: wrongDuration,
      max_attempts: wrongInteger,
      backoff: wrongBackoff,
      output_limit_bytes: wrongInteger,
    },
  },
  '/v1/tasks/tsk_1/cancel': { base: {}, fields: { reason: [...wrongText, ['x'.repeat(2049), 'too_long']] } },
  '/v1/join-tokens': { base: {}, fields: { labels: wrongLabels, expires_in: wrongDuration } },
  '/v1/agents/enrol': {
    base: enrol,
    fields: {
      join_token: [...wrongText, ['', 'too_short'], ['x'.repeat(257), 'too_long']],
      name: wrongName,
      labels: wrongLabels,
      credential_hash: [
        ...wrongText,
        ['a', 'too_short'],
        ['g'.repeat(64), 'bad_format'],
        ['a'.repeat(65), 'too_long'],
      ],
      slots: [...wrongInteger, [0, 'out_of_range'], [1025, 'out_of_range']],
      executors: [
        [1, 'wrong_type'],
        ['shell', 'wrong_type'],
        [[], 'too_short'],
        [['rm'], 'not_allowed', '[0]'],
        [Array(9).fill('shell'), 'too_long'],
      ],
      agent_version: [...wrongText, ['x'.repeat(65), 'too_long']],
      boot_id: [...wrongText, ['x'.repeat(129), 'too_long']],
    },
  },
};

const rows = Object.entries(tables).flatMap(([url, { base, fields }]) =>
  Object.entries(fields).flatMap(([field, values]) =>
    values.map(
      ([value, code, path = '']) =>
        [url, `${field}${String(path)}`, code, { ...base, [field]: value }] as const,
    ),
  ),
);

describe('bad input', () => {
  let api: InMemoryApi;
  beforeAll(async () => {
    api = await startInMemory([tenantEntry('ten_acme'), keyEntry('ten_acme', key)]);
  });
  afterAll(() => api.close());

  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    api.request(method, path, { body, headers: { authorization: `Bearer ${key}`, ...headers } });
  const written = async () =>
    (await commandsOf(api.log, 'ten_acme', 'tasks')).length +
    (await commandsOf(api.log, 'ten_acme', 'states')).length;

  it(`is refused field by field, named, with its code, and never written (${rows.length} cases)`, async () => {
    const wrong: unknown[] = [];
    for (const [url, field, code, body] of rows) {
      const { status, json, headers } = await call('POST', url, body);
      const errors = (json['errors'] ?? []) as { field: string; code: string; message: string }[];
      const found = errors.some((error) => error.field === field && error.code === code);
      const ok =
        status === 400 &&
        json['code'] === 'validation_failed' &&
        found &&
        headers['content-type'] === 'application/problem+json';
      if (!ok || errors.some((error) => !Object.hasOwn(fieldCodes, error.code)))
        wrong.push({ url, field, code, status, json });
    }
    expect(wrong).toEqual([]);
    expect(await written()).toBe(0);
  });

  it.each([
    ['/v1/states', ['name', 'check_cmd', 'selector']],
    ['/v1/agents/enrol', ['join_token', 'name', 'credential_hash']],
    ['/v1/tasks', ['command']],
  ])('%s names every field that is missing', async (url, fields) => {
    const { status, json } = await call('POST', url, {});
    expect(status).toBe(400);
    expect(json['errors']).toEqual(
      fields.map((field) => ({ field, code: 'required', message: expect.any(String) as string })),
    );
  });

  it.each([
    'unknown',
    'status',
    'tenant_id',
    'id',
    'generation',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    '',
  ])('an unknown field %j is refused on every body', async (field) => {
    for (const [url, { base }] of Object.entries(tables)) {
      const { status, json } = await call('POST', url, { ...base, [field]: { admin: true } });
      expect([url, status]).toEqual([url, 400]);
      expect(json['errors']).toContainEqual({
        field,
        code: 'unknown_field',
        message: 'there is no such field',
      });
    }
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it.each([
    ['apply_cmd is missing', '/v1/states', { ...state, apply_cmd: undefined }, 'apply_cmd', 'required'],
    ['noop with a command', '/v1/tasks', { executor: 'noop', command: 'x' }, 'command', 'inconsistent'],
    [
      'agent and selector',
      '/v1/tasks',
      { ...task, agent_id: 'a', selector: 'b' },
      'selector',
      'inconsistent',
    ],
    [
      'times crossed',
      '/v1/tasks',
      { ...task, not_before: '2031-01-01T00:00:00Z', not_after: '2030-01-01T00:00:00Z' },
      'not_after',
      'inconsistent',
    ],
  ])('%s', async (_, url, body, field, code) => {
    const { status, json } = await call('POST', url, body);
    expect(status).toBe(400);
    expect(json['errors']).toEqual([{ field, code, message: expect.any(String) as string }]);
  });

  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  it.each<[string, string | Buffer, number, string]>([
    ['nothing', '', 400, 'malformed_body'],
    ['no JSON', '{', 400, 'malformed_body'],
    ['a list', '[]', 400, 'malformed_body'],
    ['a number', '7', 400, 'malformed_body'],
    ['null', 'null', 400, 'malformed_body'],
    ['a byte order mark', '\ufeff{}', 400, 'malformed_body'],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'malformed_body'],
    ['NaN', '{"priority":NaN}', 400, 'malformed_body'],
    ['33 levels', `{"env":${nested(33)}}`, 400, 'malformed_body'],
    ['200000 levels', `{"env":${nested(200_000)}}`, 400, 'malformed_body'],
    ['unclosed levels', '['.repeat(500_000), 400, 'malformed_body'],
    ['__proto__', '{"command":"x","__proto__":{"admin":true}}', 400, 'malformed_body'],
    ['__proto__ in escapes', '{"command":"x","env":{"\\u005f_proto__":"y"}}', 400, 'malformed_body'],
    ['more than 1 MiB', `{"command":"${'x'.repeat(1 << 20)}"}`, 413, 'body_too_large'],
    [
      'more than fits in a record',
      JSON.stringify({
        command: [
          'x'.repeat(60_000),
          'x'.repeat(60_000),
          'x'.repeat(60_000),
          'x'.repeat(60_000),
          'x'.repeat(60_000),
        ],
      }),
      413,
      'body_too_large',
    ],
    [
      'members without end',
      JSON.stringify({
        command: 'x',
        labels: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [i, 'v'])),
      }),
      400,
      'malformed_body',
    ],
    ['an overflowing number', '{"command":"x","priority":1e400}', 400, 'validation_failed'],
  ])('a body of %s', async (_, body, status, code) => {
    const startedAt = performance.now();
    const answer = await call('POST', '/v1/tasks', body);
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json5',
    'nonsense',
    '',
  ])('a content type of %j', async (type) => {
    const { status, json } = await call('POST', '/v1/tasks', '{"command":"x"}', { 'content-type': type });
    expect([status, json['code']]).toEqual([415, 'unsupported_media_type']);
  });

  it.each([
    ['GET', '/v1/nothing'],
    ['GET', '/'],
    ['GET', '/v2/states'],
    ['PUT', '/v1/states'],
    ['TRACE', '/v1/states'],
    ['POST', '/v1/states/x/explode'],
    ['GET', '/v1/states/a/b/c'],
    ['GET', '/v1/states/x%2f..%2f..%2fetc/y'],
  ])('%s %s is no route', async (method, path) => {
    const { status, json } = await call(method, path);
    expect([status, json['code']]).toEqual([404, 'no_such_route']);
  });

  it('what cannot be an id is answered as any unknown id', async () => {
    const bodies = new Set<string>();
    for (const id of [
      '..%2f..%2fetc',
      '%2e%2e',
      '%00',
      'a%20b',
      '%F0%9F%98%80',
      '-x',
      'x'.repeat(200),
      "'%20or%201=1",
    ]) {
      const { status, text } = await call('GET', `/v1/states/${id}`);
      expect([id, status]).toEqual([id, 404]);
      bodies.add(text);
    }
    expect(bodies.size).toBe(1);
  });

  it.each([
    [[{ ...window, cron: '0 0 30 2 *' }]],
    [[{ ...window, effect: 'deny', cron: '* * * * *' }]],
    [[window, { ...window, effect: 'deny', cron: '0 21 * * *', duration: '8h' }]],
  ])('windows that never open are refused, and nothing is written: %j', async (windows) => {
    const { status, json } = await call('POST', '/v1/states', { ...state, windows });
    expect([status, json]).toEqual([422, expect.objectContaining({ code: 'invalid' })]);
    expect(json).toMatchObject({ errors: [{ field: 'windows' }] });
  });

  it.each(['/v1/states/%', '/v1/states/%zz', '/v1/states/%c0%af'])('%s cannot be read', async (path) => {
    const { status, json } = await call('GET', path);
    expect(status).toBe(400);
    expect(json['code']).toBe('malformed_request');
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=501', 'limit'],
    ['limit=1e3', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=', 'cursor'],
    [`cursor=${'x'.repeat(1025)}`, 'cursor'],
    ['min_position=zzz', 'min_position'],
    ['min_position=', 'min_position'],
    ['wait_ms=-1', 'wait_ms'],
    ['wait_ms=30001', 'wait_ms'],
    ['wait_ms=abc', 'wait_ms'],
    ['labels=((', 'labels'],
    ['name=%00', 'name'],
    ['nonsense=1', 'nonsense'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['limit[]=1', 'limit[]'],
  ])('a query of %s', async (query, field) => {
    const { status, json } = await call('GET', `/v1/states?${query}`);
    expect([status, json['code']]).toEqual([400, 'invalid_parameter']);
    expect(json['errors']).toContainEqual(expect.objectContaining({ field }));
  });

  it.each([
    ['Idempotency-Key', 'a b'],
    ['Idempotency-Key', 'x'.repeat(257)],
    ['Idempotency-Key', 'é'],
    ['Idempotency-Key', ''],
    ['FluxForge-Reason', 'x'.repeat(513)],
  ])('a header %s of %j', async (name, value) => {
    const { status, json } = await call('POST', '/v1/tasks', task, { [name]: value });
    expect([status, json['code']]).toEqual([400, 'invalid_parameter']);
    expect(json['errors']).toContainEqual(expect.objectContaining({ field: name }));
  });

  it.each(['abc', 'W/"1"', '"-1"', '*', '""'])('an If-Match of %j', async (version) => {
    const { status, json } = await call('PUT', '/v1/states/sta_1', state, { 'if-match': version });
    expect([status, json['code']]).toEqual([400, 'invalid_parameter']);
  });
});

describe('concurrency keys in a ring', () => {
  let api: InMemoryApi;
  beforeAll(async () => {
    api = await startInMemory([tenantEntry('ten_acme'), keyEntry('ten_acme', key)]);
  });
  afterAll(() => api.close());

  const post = (path: string, body: object) =>
    api.request('POST', path, { body, headers: { authorization: `Bearer ${key}` } });
  const written = () => commandsOf(api.log, 'ten_acme', 'tasks');

  it.each([
    [{ key: ['a', 'b'] }, 'concurrency.key', 'wrong_type'],
    [{ key: { a: 'b' } }, 'concurrency.key', 'wrong_type'],
    [{ key: 'a', after: 'b' }, 'concurrency.after', 'unknown_field'],
    [{ key: 'a', depends_on: ['b'] }, 'concurrency.depends_on', 'unknown_field'],
    [[{ key: 'a' }, { key: 'b' }], 'concurrency', 'wrong_type'],
  ])('%j cannot be said: a task has one key, and a key depends on none', async (concurrency, field, code) => {
    const { status, json } = await post('/v1/tasks', { ...task, concurrency });
    expect([status, json['code']]).toEqual([400, 'validation_failed']);
    expect(json['errors']).toContainEqual(expect.objectContaining({ field, code }));
    expect(await written()).toEqual([]);
  });

  it('two schedules that cancel each other fire once each, and the one made later stands', async () => {
    const concurrency = { key: 'ring', max: 1, strategy: 'cancel-running' };
    for (const name of ['tick', 'tock']) {
      const schedule = { name, cron: '* * * * *', overlap: 'replace', task: { ...task, concurrency } };
      expect((await post('/v1/schedules', schedule)).status).toBe(202);
    }
    const firstMs = Date.UTC(2030, 0, 1);
    const rules = new RulesInMemory('ten_acme', firstMs - 1);
    const made = (await written()).map((command) => rules.decide(command)[0]);
    const [tick, tock] = made.map((event) => event?.subject);
    for (const minute of [0, 1, 2]) {
      const events = rules.at(firstMs + minute * 60_000);
      const fired = events.filter(({ type }) => type === 'schedule.fired').map(({ subject }) => subject);
      expect(fired).toEqual([tick, tock]);
      const over = events.flatMap((one) => (one.type === 'task.ended' ? [one.data] : []));
      // The first minute there is nothing before; later tick cancels what tock left, and tock cancels that of tick.
      expect(over.map(({ reason }) => reason)).toEqual(
        Array(minute === 0 ? 1 : 2).fill('concurrency_superseded'),
      );
      const queued = events.flatMap((one) => (one.type === 'task.queued' ? [one.data] : []));
      const left = queued.filter(({ task_id }) => over.every((ended) => ended.task_id !== task_id));
      expect(left.map(({ batch }) => batch?.schedule_id)).toEqual([tock]);
    }
  });
});
