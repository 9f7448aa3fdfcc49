/** One kind of bad input: what is sent, and what must come of it. */
export interface Attack {
  readonly name: string;
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  /** Of the n-th call; a text is sent as it is. */
  readonly body: (n: number) => unknown;
  /** Any of these. */
  readonly expected: readonly number[];
}

const million = 1_000_000;
const longest = 1_040_000;
const command = 'true';
const task = (over: object) => () => ({ command, ...over });
const sparse = (n: number) => ({
  effect: 'allow',
  cron: `${n} ${n} 30 2 *`,
  time_zone: 'Europe/Berlin',
  duration: '1h',
});
const state = { name: 'bad', selector: '*', check_cmd: command, apply_cmd: command };

/** What the issue names, and its relatives. */
export const attacks: readonly Attack[] = [
  {
    name: 'selector of 1 MB',
    path: '/v1/tasks',
    body: task({ selector: 'a'.repeat(million) }),
    expected: [400],
  },
  {
    name: 'selector of 1 MB, all terms',
    path: '/v1/tasks',
    body: task({ selector: 'k in (v),'.repeat(longest / 10) }),
    expected: [400],
  },
  {
    name: 'nested parentheses',
    path: '/v1/tasks',
    body: task({ selector: `a in ${'('.repeat(50_000)}` }),
    expected: [400],
  },
  {
    name: 'nested parentheses, short',
    path: '/v1/fanouts',
    body: () => ({ selector: `a in ${'('.repeat(4_000)}`, task: { command } }),
    expected: [400],
  },
  { name: 'JSON nested 500,000 deep', path: '/v1/tasks', body: () => '['.repeat(500_000), expected: [400] },
  {
    name: '50,000 labels',
    path: '/v1/tasks',
    body: task({ labels: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, 'v'])) }),
    expected: [400],
  },
  {
    name: 'durations beyond any timer',
    path: '/v1/tasks',
    body: task({
      execution_timeout: '99999999999999999999h',
      delay: '9e99s',
      delivery_timeout: '2147483648ms',
    }),
    expected: [400],
  },
  {
    name: 'cron of every second',
    path: '/v1/schedules',
    body: () => ({ name: 's', cron: '* * * * * *', task: { command } }),
    expected: [400],
  },
  {
    name: 'cron that never fires',
    path: '/v1/schedules',
    body: () => ({ name: 's', cron: '0 0 31 2 *', task: { command } }),
    // Its owner refuses it.
    expected: [202],
  },
  {
    name: 'cron of 250 characters',
    path: '/v1/schedules',
    body: () => ({ name: 's', cron: `${'0-59/1,'.repeat(34)}1 * * * *`, task: { command } }),
    expected: [202, 400],
  },
  {
    name: '16 windows that never open',
    path: '/v1/states',
    body: () => ({ ...state, windows: Array.from({ length: 16 }, (_, i) => sparse(i)) }),
    expected: [400, 422],
  },
  {
    name: 'a deny window over each allow window',
    path: '/v1/states',
    body: () => ({
      ...state,
      windows: [
        { effect: 'deny', cron: '0 0 * * *', time_zone: 'UTC', duration: '24h' },
        ...Array.from({ length: 15 }, (_, i) => ({
          effect: 'allow',
          cron: `${i} * * * *`,
          time_zone: 'America/New_York',
          duration: '1m',
        })),
      ],
    }),
    expected: [400, 422],
  },
  {
    name: 'keys that wait for one another',
    path: '/v1/tasks',
    body: task({ concurrency: { key: 'a', after: 'b' } }),
    expected: [400],
  },
  ...[
    { weight: 0 },
    { max_queued_tasks: 0 },
    { max_running_tasks: -1 },
    { submissions_per_s: 0 },
    { output_bytes_per_hour: -5 },
  ].map((limits) => ({
    name: `limits ${JSON.stringify(limits)}`,
    method: 'PATCH' as const,
    path: '/v1/tenant/limits',
    body: () => limits,
    expected: [400],
  })),
].map((attack) => ({ method: 'POST' as const, ...attack }));

/** Not bad each by itself: as many schedules as a tenant may have, each of every minute. */
export const cronBomb: Attack = {
  name: 'schedules of every minute',
  method: 'POST',
  path: '/v1/schedules',
  body: (n) => ({ name: `bomb-${n}`, cron: '* * * * *', task: { executor: 'noop' } }),
  expected: [202],
};
