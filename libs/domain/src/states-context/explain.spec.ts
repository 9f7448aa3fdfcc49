import { type StateSpec } from '@fluxforge/events/catalogue';
import { dueStats, explainTarget, planOf, defaultReconcilingPolicy } from '@fluxforge/domain/reconciling';
import { World, acme } from './world.fixture.js';

const agents = ['a1', 'a2', 'a3', 'a4'];

function checked(spec: Partial<StateSpec> = {}): World {
  const world = new World();
  for (const agent of agents) world.enrol(agent);
  world.declare('s1', spec);
  world.advance(1000);
  return world;
}

function explain(world: World, agentId = 'a1') {
  const at = { tenantId: acme, stateId: 's1', agentId };
  return explainTarget(world.state, at, world.nowMs, defaultReconcilingPolicy);
}

describe('the plan, in buckets', () => {
  it('counts every target once', () => {
    const world = checked({ max_concurrency: { count: 1 } });
    world.result({ exit_code: 0 }, 'a1');
    world.result({ exit_code: 1 }, 'a2');
    world.result({ exit_code: 1 }, 'a3');
    const desired = world.target().state;
    const plan = planOf(desired, world.nowMs, defaultReconcilingPolicy);
    expect(plan.match.map(({ agentId }) => agentId)).toEqual(['a1']);
    expect(plan.hold.map(({ agentId, reason }) => [agentId, reason])).toEqual([
      ['a2', 'in_flight'],
      ['a3', 'max_concurrency'],
      ['a4', 'not_checked'],
    ]);
    expect([plan.remediate, plan.withdraw, plan.retry, plan.giveUp].flat()).toEqual([]);
  });

  it('shows what is about to be done before it is', () => {
    const world = checked({ max_concurrency: { count: 1 }, attempts: 1 });
    world.result({ exit_code: 1 }, 'a1');
    world.append([{ type: 'state.suspended', tenantId: acme, subject: 's1', data: { state_id: 's1' } }]);
    const plan = planOf(world.target().state, world.nowMs, defaultReconcilingPolicy);
    expect(plan.withdraw).toEqual([{ bucket: 'withdraw', reason: 'state_suspended', agentId: 'a1' }]);
    expect(plan.hold.every(({ reason }) => reason === 'state_suspended')).toBe(true);
  });
});

describe('explain', () => {
  it('names the rule that holds a target back', () => {
    const world = checked({ backoff: { base_ms: 60_000, max_ms: 60_000 }, attempts: 2 });
    const check = { isAsked: true, unanswered: 0, unclear: 0 };
    expect(explain(world)).toMatchObject({ bucket: 'hold', reason: 'not_checked', lastTaskId: null, check });
    world.result({ exit_code: 1 });
    expect(explain(world)).toMatchObject({ reason: 'in_flight', taskId: world.lastRequest().task_id });
    world.endTask(world.lastRequest(), 'succeeded');
    expect(explain(world)).toMatchObject({ reason: 'verifying' });
    world.result({ exit_code: 1 });
    const retryAtMs = world.ofType('remediation.failed')[0]!.data.retry_at_ms;
    expect(explain(world)).toMatchObject({ reason: 'backoff', heldUntilMs: retryAtMs, attemptsUsed: 1 });
    expect(explain(world)).toMatchObject({ taskId: null, lastTaskId: world.lastRequest().task_id });
    world.advance(retryAtMs - world.nowMs);
    world.endTask(world.lastRequest(), 'succeeded');
    world.result({ exit_code: 1 });
    expect(explain(world)).toMatchObject({ bucket: 'giveUp', reason: 'attempts_used_up' });
    world.lose('a1');
    expect(explain(world)).toMatchObject({ reason: 'agent_lost', agentStanding: 'lost' });
  });

  it('names the budgets, and knows what is not there', () => {
    const world = checked({ max_concurrency: { count: 1 }, max_failures: { count: 0 }, attempts: 1 });
    world.result({ exit_code: 1 }, 'a1');
    world.result({ exit_code: 1 }, 'a2');
    expect(explain(world, 'a2')).toMatchObject({ reason: 'max_concurrency', inFlight: { now: 1, max: 1 } });
    world.endTask(world.lastRequest('a1'), 'failed');
    expect(explain(world, 'a2')).toMatchObject({ reason: 'max_failures', givenUp: { now: 1, max: 0 } });
    expect(explain(world, 'a9')).toBeNull();
    const foreign = { tenantId: 'other', stateId: 's1', agentId: 'a1' };
    expect(explainTarget(world.state, foreign, world.nowMs, defaultReconcilingPolicy)).toBeNull();
  });
});

it('counts what is due, asked, in flight and given up', () => {
  const world = checked();
  expect(dueStats(world.state, world.nowMs)).toMatchObject({ states: 1, targets: 4, askedChecks: 4 });
  world.result({ exit_code: 1 }, 'a1');
  world.result({ exit_code: 0 }, 'a2');
  expect(dueStats(world.state, world.nowMs)).toMatchObject({
    askedChecks: 2,
    scheduledChecks: 1,
    remediationsInFlight: 1,
    overdueMs: 0,
  });
  expect(dueStats(world.state, world.nowMs + 120_000).overdueMs).toBeGreaterThan(0);
});
