import { type TaskSpec } from '@fluxforge/events/catalogue';
import { command, fact, heartbeat, limits, policy, spec, worldWith, type World } from './scenario.fixture.js';
import { simulate, type Changes, type Simulated } from './simulate.js';

function run(world: World, changes: Partial<Changes>): Simulated {
  const before = world.context.serialize(world.state);
  const steps = simulate(
    world.state,
    policy,
    't',
    { drain: [], undrain: [], tasks: [], ...changes },
    world.nowMs,
  );
  let step = steps.next();
  while (!step.done) step = steps.next();
  expect(world.context.serialize(world.state)).toBe(before);
  return step.value as Simulated;
}

const add = (count: number, over: Partial<TaskSpec> = {}) => [{ spec: spec(over), count }];

describe('a simulation', () => {
  it('says what would be placed and what would wait, and changes nothing', () => {
    const world = worldWith(['a1'], { slots: 2 });
    const { admitted, placed, delayed, complete } = run(world, { tasks: add(3) });
    expect([admitted, complete]).toEqual([3, true]);
    expect(placed).toEqual([
      { taskId: 'added-1', agentId: 'a1' },
      { taskId: 'added-2', agentId: 'a1' },
    ]);
    expect(delayed).toEqual([{ taskId: 'added-3', rule: 'agents_full' }]);
  });

  it('holds what is added against limits that are changed', () => {
    const world = worldWith(['a1'], { slots: 2 });
    const held = run(world, { limits: { max_running_tasks: 1 }, tasks: add(2) });
    expect(held.delayed).toEqual([{ taskId: 'added-2', rule: 'quota_running_tasks' }]);
    const refused = run(world, { limits: { max_queued_tasks: 1 }, tasks: add(3) });
    expect(refused.rejected.map(({ reason }) => reason)).toEqual([
      'quota_queued_tasks',
      'quota_queued_tasks',
    ]);
    const bytes = JSON.stringify(spec()).length;
    const large = run(world, { limits: { max_queued_bytes: 2 * bytes }, tasks: add(3) });
    expect(large.rejected.map(({ reason }) => reason)).toEqual(['quota_queued_bytes']);
    expect(world.state.realms.get('t')!.tenant.limits).toEqual(limits);
  });

  it('drains and undrains agents', () => {
    const world = worldWith(['a1', 'a2'], { slots: 1 });
    world.input(command('agent.drain', { agent_id: 'a2', drain: true }));
    world.given(fact.queued('x', { agent_id: 'a2' }));
    world.settle();
    expect(run(world, { undrain: ['a2'] }).placed).toEqual([{ taskId: 'x', agentId: 'a2' }]);
    const drained = run(world, { drain: ['a1', 'a9'], tasks: add(1) });
    expect(drained.delayed).toEqual([{ taskId: 'added-1', rule: 'agent_draining' }]);
    expect(drained.agentsUnknown).toEqual(['a9']);
  });

  it('says of what waits already which rule would be another, and of a drain what it waits for', () => {
    const world = worldWith(['a1', 'a2'], { slots: 1 });
    world.given(fact.queued('x1', { agent_id: 'a1' }), fact.queued('x2', { agent_id: 'a2' }));
    world.settle();
    world.given(fact.queued('pinned', { agent_id: 'a1' }), fact.queued('free'));
    world.settle();
    const drained = run(world, { drain: ['a1'] });
    expect(drained.changed).toEqual([{ taskId: 'pinned', before: 'agents_full', after: 'agent_draining' }]);
    expect(drained.waitedFor).toEqual([{ taskId: 'x1', agentId: 'a1' }]);
    const lower = run(world, { limits: { max_running_tasks: 1 } });
    expect(lower.changed.map(({ taskId, after }) => [taskId, after])).toEqual([
      ['pinned', 'quota_running_tasks'],
      ['free', 'quota_running_tasks'],
    ]);
    expect([lower.delayed, lower.waitedFor]).toEqual([[], []]);
  });

  it('names so many of those, and counts the rest', () => {
    const world = worldWith(['a1'], { slots: 1_024 });
    for (let i = 0; i < 2_005; i++) world.given(fact.queued(`x${i}`));
    world.settle();
    const { changed, changedMore, waitedFor, waitedForMore } = run(world, {
      mode: 'draining',
      drain: ['a1'],
    });
    expect([changed.length, changedMore]).toEqual([981, 0]);
    expect([waitedFor.length, waitedForMore]).toEqual([1_000, 24]);
    const other = worldWith([]);
    for (let i = 0; i < 1_002; i++) other.given(fact.queued(`x${i}`));
    other.settle();
    const all = run(other, { mode: 'draining' });
    expect([all.changed.length, all.changedMore]).toEqual([1_000, 2]);
  });

  it('keeps aside what can never start under the limits', () => {
    const world = worldWith(['a1'], { slots: 2 });
    const quota = { ...limits, output_bytes_per_hour: 4_000 };
    world.input(command('tenant.set-limits', { limits: quota }));
    const patient = { priority: 0, delivery_timeout_ms: 0, execution_timeout_ms: 0, output_limit_bytes: 0 };
    const big = { ...patient, requests: { slots: 2 } };
    world.given(fact.queued('older', { ...big, output_limit_bytes: 9_000 }), fact.queued('r1', patient));
    world.settle();
    world.given(fact.queued('big', big));
    const refs = [{ taskId: 'r1', life: 1, attempt: 1 }];
    for (const untilMs = world.nowMs + 12 * policy.agingMs; world.nowMs < untilMs;) {
      world.nowMs += policy.agentTtlMs / 2;
      world.say(heartbeat('a1', world.nowMs, refs));
    }
    expect(world.state.realms.get('t')!.agents.get('a1')!.keptFor).toBe('big');
    expect(run(world, { tasks: [{ spec: spec(big), count: 1 }] }).changed).toEqual([]);
  });

  it('places exactly what the scheduler then places', () => {
    const world = worldWith(['a1', 'a2'], { slots: 3 });
    for (let i = 0; i < 4; i++) world.given(fact.queued(`q${i}`, { priority: i }));
    const { placed } = run(world, {});
    const events = world.settle();
    const real = events.flatMap((event) =>
      event.type === 'task.leased' ? [{ taskId: event.data.task_id, agentId: event.data.agent_id }] : [],
    );
    expect(placed).toEqual(real);
  });

  it('keeps for a large task what is kept for it, though no fact says so', () => {
    const world = worldWith(['a1'], { slots: 3 });
    const patient = { priority: 0, delivery_timeout_ms: 0, execution_timeout_ms: 0 };
    const keepMs = 11 * policy.agingMs;
    world.given(fact.queued('r1', patient), fact.queued('r2', patient));
    world.settle();
    // Both come by the clock alone, the small one when the agent is kept: the last fact is older than either.
    const later = (spanMs: number) => ({ ...patient, not_before_ms: world.nowMs + spanMs });
    world.given(fact.queued('big', { ...later(1_000), requests: { slots: 3 } }));
    world.given(fact.queued('small', later(keepMs)));
    const refs = ['r1', 'r2'].map((taskId) => ({ taskId, life: 1, attempt: 1 }));
    for (const untilMs = world.nowMs + keepMs; world.nowMs < untilMs;) {
      world.nowMs += policy.agentTtlMs / 2;
      world.say(heartbeat('a1', world.nowMs, refs));
    }
    expect(world.state.realms.get('t')!.agents.get('a1')!.keptFor).toBe('big');
    expect(run(world, {}).placed).toEqual([]);
    const { delayed } = run(world, { tasks: add(1) });
    expect(delayed).toEqual([{ taskId: 'added-1', rule: 'agent_kept' }]);
  });

  it('knows modes, unknown tenants and its bounds', () => {
    const world = worldWith(['a1']);
    expect(run(world, { mode: 'read-only', tasks: add(1) }).rejected).toEqual([
      { taskId: 'added-1', reason: 'mode_read_only' },
    ]);
    const none = { drain: [], undrain: [], tasks: [] };
    expect(simulate(world.state, policy, 'nobody', none, 0).next().value).toBe('unknown_tenant');
    const roomy = { ...limits, max_queued_tasks: 1_000_000 };
    const many = run(world, { limits: roomy, tasks: add(5_000) });
    expect([many.admitted, many.complete]).toEqual([1_000, false]);
    const twice = run(world, { limits: roomy, tasks: [...add(600), ...add(600)] });
    expect([twice.admitted, twice.complete]).toEqual([1_000, false]);
    expect(run(world, { limits: roomy, tasks: add(1_000) }).complete).toBe(true);
  });
});
