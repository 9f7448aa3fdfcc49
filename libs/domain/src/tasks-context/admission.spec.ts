import fc from 'fast-check';
import { type Limits, type TaskSpec } from '@fluxforge/events/catalogue';
import {
  command,
  fact,
  failed,
  foreign,
  given,
  heartbeat,
  limits,
  ok,
  policy,
  result,
  spec,
  t0,
  types,
  World,
  worldWith,
} from './scenario.fixture.js';

const hourMs = 3_600_000;
const submit = (id: string, over: Partial<TaskSpec> = {}) =>
  command('task.submit', { task_id: id, spec: spec(over) });
const setLimits = (over: Partial<Limits>) => command('tenant.set-limits', { limits: { ...limits, ...over } });
const rejectedFor = (reason: string) => ({ type: 'task.rejected', data: { reason } });
const leased = (world: World, events: readonly { type: string }[] = world.log) =>
  events.filter(({ type }) => type === 'task.leased').length;

function limited(over: Partial<Limits>, agents: readonly string[] = ['a1'], slots = 8): World {
  const world = worldWith(agents, { slots });
  world.input(setLimits(over));
  return world;
}

describe('submissions per second', () => {
  it('lets the burst in at once, then one for each interval, to the millisecond', () => {
    const world = limited({ submissions_per_s: 2, submission_burst: 3, max_queued_tasks: 100 }, []);
    for (let i = 0; i < 3; i++) expect(types(world.input(submit(`b${i}`)))).toEqual(['task.queued']);
    expect(world.input(submit('over'))).toMatchObject([rejectedFor('quota_submission_rate')]);
    world.nowMs += 499;
    expect(world.input(submit('early'))).toMatchObject([rejectedFor('quota_submission_rate')]);
    world.nowMs += 1;
    expect(types(world.input(submit('due')))).toEqual(['task.queued']);
    expect(world.input(submit('again'))).toMatchObject([rejectedFor('quota_submission_rate')]);
  });

  it('charges neither repetitions, nor rejections, nor remediations', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 2 });
    world.input(submit('x', { not_before_ms: t0 + hourMs }));
    expect(types(world.input(submit('x')))).toEqual(['command.accepted']);
    expect(world.input(submit('y', { agent_id: 'none' }))).toMatchObject([rejectedFor('unknown_agent')]);
    world.input(remediation('r1'));
    expect(types(world.input(submit('z')))).toContain('task.queued');
    expect(types(world.input(remediation('r2')))).toContain('task.queued');
    expect(world.input(submit('w'))).toMatchObject([rejectedFor('quota_submission_rate')]);
  });

  it('is the same for a new owner', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 1 });
    world.input(submit('x'));
    world.takeOver();
    expect(world.input(submit('y'))).toMatchObject([rejectedFor('quota_submission_rate')]);
  });

  it('over any span, no more than burst + rate x span', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 60 });
    const rate = fc.integer({ min: 1, max: 20 });
    const burst = fc.integer({ min: 1, max: 10 });
    fc.assert(
      fc.property(gaps, rate, burst, (spans, submissions_per_s, submission_burst) => {
        const world = limited({ submissions_per_s, submission_burst, max_queued_tasks: 1_000 }, []);
        const admittedAtMs: number[] = [];
        for (const [i, spanMs] of spans.entries()) {
          world.nowMs += spanMs;
          const [answer] = world.input(submit(`s${i}`));
          if (answer?.type === 'task.queued') admittedAtMs.push(world.nowMs);
          // Not less than it may either: whoever has waited for a whole submission gets one.
          else expect(spanMs * submissions_per_s).toBeLessThan(1_000);
        }
        for (let from = 0; from < admittedAtMs.length; from++) {
          for (let to = from; to < admittedAtMs.length; to++) {
            const spanMs = admittedAtMs[to]! - admittedAtMs[from]!;
            const most = Math.floor(submission_burst + (submissions_per_s * spanMs) / 1_000);
            expect(to - from + 1).toBeLessThanOrEqual(most);
          }
        }
      }),
    );
  });
});

describe('running tasks', () => {
  it('are leased up to the quota and no further, and again when one ends', () => {
    const world = limited({ max_running_tasks: 2 });
    for (const id of ['x', 'y', 'z']) world.input(submit(id));
    expect(leased(world)).toBe(2);
    expect(world.context.wakeAtMs(world.state)).not.toBe(world.state.lastFactMs);
    world.say(result('x', 'a1', ok));
    expect(leased(world)).toBe(3);
  });

  it('that are more than a new, lower limit go on; a higher one lets more start at once', () => {
    const world = limited({ max_running_tasks: 2 });
    for (const id of ['x', 'y', 'z']) world.input(submit(id));
    expect(types(world.input(setLimits({ max_running_tasks: 1 })))).toEqual(['tenant.limits-set']);
    expect(types(world.say(result('x', 'a1', ok)))).toEqual(['task.ended']);
    expect(types(world.input(setLimits({ max_running_tasks: 3 })))).toEqual([
      'tenant.limits-set',
      'task.leased',
    ]);
  });

  it('make room even when their agent was removed under them', () => {
    const world = limited({ max_running_tasks: 1 }, ['a1', 'a2']);
    world.input(submit('x', { agent_id: 'a1' }));
    world.input(submit('y', { agent_id: 'a2' }));
    world.input(command('agent.remove', { agent_id: 'a1' }));
    world.nowMs += policy.leaseMs;
    world.say(heartbeat('a2', world.nowMs));
    world.after(policy.leaseMarginMs);
    const lease = world.log.filter(({ type }) => type === 'task.leased').at(-1);
    expect(lease?.data).toMatchObject({ task_id: 'y' });
  });
});

describe('output of an hour', () => {
  // Each stream of a run may have the limit.
  const small = { output_limit_bytes: 50 };
  const nextMs = (Math.floor(t0 / hourMs) + 1) * hourMs;
  const lateInTheHour = (world: World) => {
    world.nowMs = nextMs - 5;
    world.say(heartbeat('a1', world.nowMs));
  };

  it('is reserved by a lease, and what is too much waits for the next hour', () => {
    const world = limited({ output_bytes_per_hour: 250 });
    lateInTheHour(world);
    for (const id of ['x', 'y', 'z']) world.input(submit(id, { ...small, delivery_timeout_ms: 0 }));
    expect(leased(world)).toBe(2);
    expect(world.at(nextMs - 1).filter(({ type }) => type === 'task.leased')).toEqual([]);
    expect(world.context.wakeAtMs(world.state)).toBeLessThanOrEqual(nextMs);
    expect(leased(world, world.at(nextMs))).toBeGreaterThan(0);
  });

  it('is put right by the end of a run; a run of which nobody knows counts in full', () => {
    const world = limited({ output_bytes_per_hour: 200 });
    for (const id of ['w', 'x', 'y', 'z']) world.input(submit(id, { ...small, max_attempts: 1 }));
    expect(leased(world)).toBe(2);
    const output = { stdout_bytes: 1, stderr_bytes: 0, truncated: false };
    expect(types(world.say(result('w', 'a1', { ...ok, output })))).toEqual(['task.ended']);
    expect(types(world.say(result('x', 'a1', failed)))).toEqual(['task.ended']);
    expect(world.input(setLimits({ output_bytes_per_hour: 201 }))).toMatchObject([
      { type: 'tenant.limits-set' },
      { type: 'task.leased' },
    ]);
  });

  it('a task that may print more than the quota is rejected; under a lower quota it is passed by', () => {
    const world = limited({ output_bytes_per_hour: 99, max_running_tasks: 1 });
    lateInTheHour(world);
    expect(world.input(submit('x', small))).toMatchObject([rejectedFor('quota_output_bytes')]);
    world.input(setLimits({ output_bytes_per_hour: 200, max_running_tasks: 1 }));
    for (const id of ['a', 'b']) world.input(submit(id, small));
    world.input(submit('c', { output_limit_bytes: 5 }));
    world.input(setLimits({ output_bytes_per_hour: 20 }));
    world.at(nextMs);
    const ids = world.log.flatMap((one) => (one.type === 'task.leased' ? [one.data.task_id] : []));
    expect(ids).toEqual(['a', 'c']);
    world.input(setLimits({ output_bytes_per_hour: 2_000 }));
    expect(leased(world)).toBeGreaterThan(2);
  });
});

function remediation(id: string, priority = 5) {
  const data = {
    state_id: 's',
    agent_id: 'a1',
    task_id: id,
    generation: 1,
    attempt: 1,
    command: 'true',
    priority,
    not_after_ms: t0 + hourMs,
    execution_timeout_ms: 1_000,
  };
  return foreign({ type: 'remediation.requested', data } as unknown as Parameters<typeof foreign>[0]);
}

describe('modes', () => {
  const tenantMode = (mode: 'normal' | 'degraded' | 'read-only' | 'draining') =>
    command('tenant.set-mode', { mode });
  const clusterMode = (mode: 'normal' | 'degraded' | 'read-only' | 'draining', tenantId = 'system') =>
    command('cluster.set-mode', { mode }, tenantId);

  it('degraded lets in priorities 0 to 2', () => {
    const world = worldWith(['a1']);
    expect(world.input(tenantMode('degraded'))).toMatchObject([
      { type: 'tenant.mode-set', data: { mode: 'degraded', reason: 'operator' } },
    ]);
    expect(types(world.input(submit('x', { priority: 2 })))).toEqual(['task.queued', 'task.leased']);
    expect(world.input(submit('y', { priority: 3 }))).toMatchObject([rejectedFor('mode_degraded')]);
  });

  it('read-only lets nothing in, and what is queued goes on', () => {
    const world = worldWith([]);
    world.input(submit('x'));
    world.input(clusterMode('read-only'));
    expect(world.input(submit('y', { priority: 0 }))).toMatchObject([rejectedFor('mode_read_only')]);
    world.given(fact.agent('a1'));
    const other = { tenantId: 't', agentId: 'a1', sessionId: 's', labels: {}, slots: 1, agentVersion: '1' };
    const events = world.say({ kind: 'connected', ...other, executors: ['shell'], inventory: [] });
    expect(types(events)).toContain('task.leased');
  });

  it('draining leases nothing and kills nothing; remediations wait through it', () => {
    const world = worldWith(['a1']);
    world.input(submit('x'));
    world.input(clusterMode('draining'));
    expect(world.input(submit('y'))).toMatchObject([rejectedFor('mode_draining')]);
    expect(types(world.input(remediation('r')))).toEqual(['task.queued']);
    expect(types(world.say(result('x', 'a1', ok)))).toEqual(['task.ended']);
    expect(types(world.input(clusterMode('normal')))).toEqual(['cluster.mode-set', 'task.leased']);
  });

  it('the strictest holds, of the tenant and of the cluster', () => {
    const world = worldWith([]);
    world.input(tenantMode('read-only'));
    world.input(clusterMode('degraded'));
    expect(world.input(submit('x', { priority: 0 }))).toMatchObject([rejectedFor('mode_read_only')]);
    world.input(tenantMode('normal'));
    expect(world.input(submit('y', { priority: 9 }))).toMatchObject([rejectedFor('mode_degraded')]);
    world.input(clusterMode('normal'));
    expect(types(world.input(submit('z', { priority: 9 })))).toEqual(['task.queued']);
  });

  it('of the cluster is for no tenant to set, and a repetition changes nothing', () => {
    const rejected = { type: 'command.rejected' as const, data: { code: 'invalid' } };
    given(fact.tenant()).when(clusterMode('degraded', 't')).then(rejected);
    given(fact.tenant()).when(clusterMode('normal')).then({ type: 'command.accepted', data: {} });
    given(fact.tenant()).when(tenantMode('normal')).then({ type: 'command.accepted', data: {} });
    given()
      .when(tenantMode('normal'))
      .then({ type: 'command.rejected', data: { code: 'not_found' } });
  });
});

describe('overload', () => {
  const pressure = (eventLoopDelayMs: number, commitLatencyMs = 1) =>
    ({ kind: 'pressure', eventLoopDelayMs, commitLatencyMs }) as const;
  const { enterAfterMs, leaveAfterMs, eventLoopDelayMs: marks, commitLatencyMs } = policy.overload;
  const high = marks.high + 1;

  function press(world: World, spanMs: number, one: ReturnType<typeof pressure>) {
    world.nowMs += spanMs;
    return world.say(one);
  }

  it('degrades after its time above the high mark, and ends after its time below all low marks', () => {
    const world = worldWith([]);
    expect(press(world, 0, pressure(high))).toEqual([]);
    expect(press(world, enterAfterMs - 1, pressure(high))).toEqual([]);
    const entered = { type: 'cluster.mode-set', tenantId: 'system' };
    expect(press(world, 1, pressure(high))).toMatchObject([
      { ...entered, data: { mode: 'degraded', by: 'overload', reason: 'overload_event_loop' } },
    ]);
    expect(press(world, 1, pressure(marks.low - 1))).toEqual([]);
    expect(press(world, leaveAfterMs - 1, pressure(marks.low - 1))).toEqual([]);
    expect(press(world, 1, pressure(marks.low - 1))).toMatchObject([
      { ...entered, data: { mode: 'normal', by: 'overload', reason: 'overload_over' } },
    ]);
  });

  it('between the marks every clock starts anew', () => {
    const world = worldWith([]);
    press(world, 0, pressure(1, commitLatencyMs.high + 1));
    press(world, enterAfterMs / 2, pressure(1, commitLatencyMs.high));
    expect(press(world, enterAfterMs / 2, pressure(1, commitLatencyMs.high + 1))).toEqual([]);
    expect(press(world, enterAfterMs, pressure(1, commitLatencyMs.high + 1))).toMatchObject([
      { data: { reason: 'overload_commit_latency' } },
    ]);
    press(world, 0, pressure(1));
    press(world, leaveAfterMs - 1, pressure(marks.low));
    expect(press(world, 1, pressure(1))).toEqual([]);
  });

  it('a new owner starts with what the log says, and an operator’s word stands beside it', () => {
    const world = worldWith([]);
    press(world, 0, pressure(high));
    press(world, enterAfterMs, pressure(high));
    world.input(command('cluster.set-mode', { mode: 'draining' }, 'system'));
    world.takeOver();
    expect(world.out).toMatchObject([{ kind: 'directory-mode', mode: 'draining' }, {}]);
    world.input(command('cluster.set-mode', { mode: 'normal' }, 'system'));
    expect(world.input(submit('x', { priority: 3 }))).toMatchObject([rejectedFor('mode_degraded')]);
    press(world, 0, pressure(1));
    expect(types(press(world, leaveAfterMs, pressure(1)))).toEqual(['cluster.mode-set']);
  });
});

describe('concurrency keys', () => {
  const keyed = (strategy: 'queue' | 'drop-new' | 'cancel-running' | 'round-robin', max = 1, key = 'k') => ({
    concurrency: { key, max, strategy },
  });

  it('queue: waits until a lease of the key has ended, and others pass by', () => {
    const world = worldWith(['a1'], { slots: 8 });
    expect(types(world.input(submit('x', keyed('queue'))))).toContain('task.leased');
    expect(types(world.input(submit('y', keyed('queue'))))).toEqual(['task.queued']);
    expect(types(world.input(submit('other', keyed('queue', 1, 'l'))))).toContain('task.leased');
    expect(types(world.input(submit('free')))).toContain('task.leased');
    expect(world.say(result('x', 'a1', ok))).toMatchObject([
      { type: 'task.ended' },
      { type: 'task.leased', data: { task_id: 'y' } },
    ]);
  });

  it('each task is held to its own max', () => {
    const world = worldWith(['a1'], { slots: 8 });
    world.input(submit('x', keyed('queue', 2)));
    expect(types(world.input(submit('narrow', keyed('queue', 1))))).toEqual(['task.queued']);
    expect(types(world.input(submit('wide', keyed('round-robin', 2))))).toContain('task.leased');
    expect(types(world.input(submit('wider', keyed('queue', 2))))).toEqual(['task.queued']);
  });

  it('drop-new: is rejected while as many live, queued or leased', () => {
    const world = worldWith(['a1'], { slots: 1 });
    world.input(submit('x', keyed('drop-new', 2)));
    world.input(submit('y', keyed('drop-new', 2)));
    expect(world.input(submit('z', keyed('drop-new', 2)))).toMatchObject([
      rejectedFor('concurrency_dropped'),
    ]);
    world.say(result('x', 'a1', ok));
    expect(types(world.input(submit('w', keyed('drop-new', 2))))).toContain('task.queued');
  });

  it('cancel-running: the oldest beyond max - 1 go, and the new one starts when they have', () => {
    const world = worldWith(['a1'], { slots: 8 });
    world.input(submit('x', keyed('cancel-running')));
    expect(world.input(submit('y', keyed('cancel-running')))).toMatchObject([
      { type: 'task.queued', data: { task_id: 'y' } },
      { type: 'task.cancel-requested', data: { task_id: 'x', reason: 'concurrency_superseded' } },
    ]);
    expect(world.input(submit('z', keyed('cancel-running')))).toMatchObject([
      { type: 'task.queued', data: { task_id: 'z' } },
      { type: 'task.ended', data: { task_id: 'y', end: 'cancelled', reason: 'concurrency_superseded' } },
    ]);
    expect(world.say(result('x', 'a1', { outcome: 'cancelled' }))).toMatchObject([
      { type: 'task.ended', data: { task_id: 'x', end: 'cancelled' } },
      { type: 'task.leased', data: { task_id: 'z' } },
    ]);
  });

  it('cancel-running: what one admission leaves over, the plan cancels, under a new owner as well', () => {
    const many = policy.supersededAtOnce + 5;
    const world = new World().given(fact.tenant('t', { limits: { ...limits, max_queued_tasks: 1_000 } }));
    for (let i = 0; i < many; i++) world.input(submit(`q${i}`, keyed('queue')));
    const decided = world.context.decide(world.state, submit('x', keyed('cancel-running', 2)), world.nowMs);
    expect(decided).toHaveLength(1 + policy.supersededAtOnce);
    world.given(...decided);
    expect(world.context.wakeAtMs(world.state)).toBe(world.state.lastFactMs);
    world.takeOver();
    expect(world.settle()).toHaveLength(many - 1 - policy.supersededAtOnce);
    expect(world.log.at(-1)).toMatchObject({ data: { task_id: `q${many - 2}` } });
  });

  it('a rejected task cancels nobody', () => {
    const world = worldWith([]);
    for (let i = 0; i < limits.max_queued_tasks; i++) world.input(submit(`q${i}`, keyed('queue')));
    expect(world.input(submit('x', keyed('cancel-running')))).toMatchObject([
      rejectedFor('quota_queued_tasks'),
    ]);
  });
});

describe('tenant.set-limits', () => {
  it('compares every field', () => {
    const base = fact.tenant('t', { limits });
    given(base).when(setLimits({})).then({ type: 'command.accepted', data: {} });
    given(base)
      .when(setLimits({ weight: 2 }))
      .then({ type: 'tenant.limits-set', data: { limits: { ...limits, weight: 2 } } });
    const weighed = fact.tenant('t', { limits: { ...limits, weight: 2 } });
    given(weighed).when(setLimits({})).then({ type: 'tenant.limits-set', data: { limits } });
  });
});
