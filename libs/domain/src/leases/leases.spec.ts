import { type EventData, type TaskEnd } from '@fluxforge/events/catalogue';
import { type RunReport } from '@fluxforge/domain/agent';
import {
  command,
  connected,
  fact,
  failed,
  heartbeat,
  held,
  ok,
  policy,
  result,
  t0,
  types,
  type World,
  worldWith,
} from '../tasks-context/scenario.fixture.js';

const overMs = policy.leaseMs + policy.leaseMarginMs;

/** A world in which task `x` is leased to `a1`, attempt 1. */
function leasedWorld(over: Parameters<typeof fact.queued>[1] = {}): World {
  const world = worldWith(['a1']);
  world.given(fact.queued('x', over));
  expect(types(world.settle())).toEqual(['task.leased']);
  world.out = [];
  return world;
}

const cancel = command('task.cancel', { task_id: 'x' });
const started = (attempt = 1) =>
  ({
    kind: 'started',
    tenantId: 't',
    agentId: 'a1',
    taskId: 'x',
    life: 1,
    attempt,
    startedAtMs: t0 + 5,
  }) as const;

/** Keeps the agent alive without its listing the lease. */
function pass(world: World, spanMs: number, running = [held('x')]): ReturnType<World['settle']> {
  const events = [];
  for (const end = world.nowMs + spanMs; world.nowMs < end;) {
    events.push(...world.after(Math.min(2_000, end - world.nowMs)));
    events.push(...world.say(heartbeat('a1', world.nowMs, running)));
  }
  return events;
}

describe('a run comes out', () => {
  it('well: the task has succeeded', () => {
    expect(leasedWorld().say(result('x', 'a1', ok))).toMatchObject([
      { type: 'task.ended', data: { end: 'succeeded', reason: 'exit_zero', attempt: 1, attempts_used: 1 } },
    ]);
  });

  it('badly: it is queued again after a backoff, with the next number', () => {
    const world = leasedWorld();
    const [ended] = world.say(result('x', 'a1', failed));
    expect(ended).toMatchObject({
      type: 'task.attempt-ended',
      data: { attempt: 1, outcome: 'exited', exit_code: 3, reason: 'exit_nonzero' },
    });
    const { retry_at_ms } = ended!.data as EventData<'task.attempt-ended'>;
    expect(retry_at_ms).toBeGreaterThanOrEqual(world.nowMs + 500);
    expect(retry_at_ms).toBeLessThanOrEqual(world.nowMs + 1_000);
    expect(world.at(retry_at_ms - 1)).toEqual([]);
    expect(world.at(retry_at_ms)).toMatchObject([{ type: 'task.leased', data: { attempt: 2 } }]);
  });

  it.each<[string, RunReport, TaskEnd, string]>([
    ['a non-zero exit', failed, 'failed', 'exit_nonzero'],
    ['a signal', { outcome: 'signalled', signal: 'SIGSEGV' }, 'failed', 'killed_by_signal'],
    ['a time limit', { outcome: 'timed_out' }, 'execution_timed_out', 'execution_timeout'],
    ['a restart of the agent', { outcome: 'interrupted' }, 'lost', 'agent_restarted'],
    ['a lease that the agent let go', { outcome: 'lease_expired', duration_ms: 9 }, 'lost', 'lease_ran_out'],
    ['a program that is not there', { outcome: 'spawn_failed' }, 'failed', 'spawn_failed'],
    ['a refusal', { outcome: 'refused' }, 'failed', 'agent_refused'],
    ['a stop that nobody asked for', { outcome: 'cancelled' }, 'lost', 'agent_restarted'],
  ])('by %s, the last time', (_, run, end, reason) => {
    const world = leasedWorld({ max_attempts: 1 });
    expect(world.say(result('x', 'a1', run))).toMatchObject([
      { type: 'task.ended', data: { end, reason, outcome: run.outcome, attempts_used: 1 } },
    ]);
  });

  it('too late for another try: it has ended when the retry could not start in time', () => {
    const world = leasedWorld({ not_after_ms: t0 + 400 });
    expect(world.say(result('x', 'a1', failed))).toMatchObject([
      { type: 'task.ended', data: { end: 'failed' } },
    ]);
  });

  it('by a refusal of what came too late to begin: it has expired', () => {
    const refused = result('x', 'a1', { outcome: 'refused' });
    const late = leasedWorld({ not_after_ms: t0 + 400 });
    late.nowMs = t0 + 400;
    expect(late.say(refused)).toMatchObject([
      { type: 'task.ended', data: { end: 'expired', reason: 'not_after_passed', attempts_used: 1 } },
    ]);
    const timely = leasedWorld({ not_after_ms: t0 + 400, max_attempts: 1 });
    timely.nowMs = t0 + 399;
    expect(timely.say(refused)).toMatchObject([
      { type: 'task.ended', data: { end: 'failed', reason: 'agent_refused' } },
    ]);
  });
});

describe('a report', () => {
  it('moves nothing when it is repeated, and is not recorded again', () => {
    const world = leasedWorld();
    world.say(result('x', 'a1', ok));
    expect(world.say(result('x', 'a1', ok))).toEqual([]);
    const retried = leasedWorld();
    retried.say(result('x', 'a1', failed));
    expect(retried.say(result('x', 'a1', failed))).toEqual([]);
    retried.after(1_000);
    expect(retried.say(result('x', 'a1', failed))).toEqual([]);
  });

  it('is recorded and moves nothing when it is of an earlier attempt, another life or another agent', () => {
    const world = leasedWorld();
    world.say(result('x', 'a1', { outcome: 'interrupted' }));
    world.after(2_000);
    for (const late of [
      result('x', 'a2', ok, 2),
      result('x', 'a1', ok, 2, 7),
      result('x', 'a1', ok, 3),
      result('never', 'a1', ok),
    ]) {
      expect(world.say(late)).toMatchObject([{ type: 'task.report-ignored' }]);
    }
    expect(world.say(result('x', 'a1', ok, 2))).toMatchObject([{ type: 'task.ended', data: { attempt: 2 } }]);
  });

  it('is recorded when it comes after the owner has given the attempt up', () => {
    const world = leasedWorld({ max_attempts: 1 });
    expect(types(world.after(overMs))).toEqual(['agent.lost', 'task.ended']);
    expect(world.say(result('x', 'a1', ok))).toMatchObject([
      { type: 'task.report-ignored', data: { outcome: 'exited', current_attempt: 1 } },
    ]);
  });

  it('of another tenant finds nothing', () => {
    const world = leasedWorld().given(fact.tenant('u'));
    const foreign = { ...result('x', 'a1', ok), tenantId: 'u' };
    expect(world.say(foreign)).toMatchObject([{ type: 'task.report-ignored', tenantId: 'u' }]);
    expect(world.state.realms.get('t')?.tasks.get('x')?.lease).not.toBeNull();
  });
});

describe('a start', () => {
  it('is recorded once', () => {
    const world = leasedWorld();
    expect(world.say(started())).toMatchObject([{ type: 'task.started', data: { started_at_ms: t0 + 5 } }]);
    expect(world.say(started())).toEqual([]);
    expect(world.say(started(2))).toEqual([]);
  });
});

describe('a cancel of a leased task', () => {
  it('is pushed, and every end but a success is then a cancelled task', () => {
    for (const run of [failed, { outcome: 'cancelled' }, { outcome: 'interrupted' }] as RunReport[]) {
      const world = leasedWorld();
      world.input(cancel);
      expect(world.takeOut('push-cancel')).toMatchObject([{ taskId: 'x', attempt: 1, agentId: 'a1' }]);
      expect(world.say(result('x', 'a1', run))).toMatchObject([
        { type: 'task.ended', data: { end: 'cancelled', reason: 'cancelled_by_user', outcome: run.outcome } },
      ]);
    }
  });

  it('loses against a success that came about before it', () => {
    const world = leasedWorld();
    world.input(cancel);
    expect(world.say(result('x', 'a1', ok))).toMatchObject([
      { type: 'task.ended', data: { end: 'succeeded' } },
    ]);
  });

  it('ends with the lease when nobody answers, and is not tried again', () => {
    const world = leasedWorld();
    world.input(cancel);
    const events = world.after(overMs);
    expect(events).toMatchObject([
      { type: 'agent.lost' },
      { type: 'task.ended', data: { end: 'cancelled' } },
    ]);
  });

  it('ends when the agent says that it does not hold it', () => {
    const world = leasedWorld();
    world.input(cancel);
    const ref = { taskId: 'x', life: 1, attempt: 1 };
    const from = { tenantId: 't', agentId: 'a1' };
    expect(world.say({ kind: 'not-held', ...from, ...ref })).toMatchObject([
      { type: 'task.ended', data: { end: 'cancelled', outcome: 'undelivered' } },
    ]);
    expect(world.say({ kind: 'not-held', ...from, ...ref })).toEqual([]);
  });
});

describe('a lease', () => {
  it('runs out when it is not renewed, not before', () => {
    const world = leasedWorld();
    // The agent answers, but does not list the lease: it never arrived.
    const early = pass(world, overMs - 1, []);
    expect(early).toEqual([]);
    expect(world.after(1)).toMatchObject([
      { type: 'task.attempt-ended', data: { outcome: 'lease_expired', reason: 'lease_ran_out', attempt: 1 } },
    ]);
    expect(world.takeOut('drop-lease')).toMatchObject([{ taskId: 'x', attempt: 1 }]);
  });

  it('goes on for as long as the agent lists it', () => {
    const world = leasedWorld();
    expect(pass(world, 45_000)).toEqual([]);
    // Its last renewal counts; then the agent falls silent.
    expect(types(world.after(overMs - 1))).toEqual(['agent.lost']);
    expect(types(world.after(1))).toEqual(['task.attempt-ended']);
  });

  it('is renewed no more when the run has outlived its own time limit', () => {
    const world = leasedWorld({ execution_timeout_ms: 10_000, kill_grace_ms: 1_000, max_attempts: 1 });
    world.say(started());
    const events = pass(world, 10_000 + 1_000 + policy.leaseMarginMs + overMs + 2_000);
    expect(events).toMatchObject([{ type: 'task.ended', data: { end: 'lost', reason: 'lease_ran_out' } }]);
  });

  it('is renewed no more then also when the word of its start was lost', () => {
    const world = leasedWorld({ execution_timeout_ms: 10_000, kill_grace_ms: 1_000, max_attempts: 1 });
    // First named after 2 s, and then it may have waited for an older attempt to be killed.
    const limitMs = 2_000 + 1_000 + 10_000 + 1_000 + policy.leaseMarginMs;
    const lastNamedMs = limitMs - (limitMs % 2_000 || 2_000);
    expect(pass(world, lastNamedMs + overMs - 1)).toEqual([]);
    expect(world.after(1)).toMatchObject([
      { type: 'task.ended', data: { end: 'lost', reason: 'lease_ran_out' } },
    ]);
  });

  it('does not run out right after a takeover, nor is an agent lost then', () => {
    const world = leasedWorld();
    world.nowMs += overMs - 1;
    world.takeOver();
    expect(world.after(overMs - 1)).toEqual([]);
    expect(types(world.after(1))).toEqual(['agent.lost', 'task.attempt-ended']);
  });

  it('belongs to the agent that comes back with it within its time', () => {
    const world = leasedWorld();
    world.after(9_000);
    world.takeOver();
    expect(world.say(connected('a1', { inventory: [held('x')] }))).toEqual([]);
    expect(world.takeOut('push-lease')).toEqual([]);
    expect(world.say(result('x', 'a1', ok))).toMatchObject([
      { type: 'task.ended', data: { end: 'succeeded' } },
    ]);
  });
});

describe('an inventory', () => {
  it('that lacks a lease has it pushed again, and its time starts anew', () => {
    const world = leasedWorld();
    world.after(9_000);
    world.say(connected('a1', { sessionId: 'a1-s2' }));
    expect(world.takeOut('push-lease')).toMatchObject([{ taskId: 'x', attempt: 1, agentId: 'a1' }]);
    expect(types(world.after(overMs - 1))).toEqual(['agent.lost']);
    expect(types(world.after(1))).toEqual(['task.attempt-ended']);
  });

  it('that lacks a lease under cancel ends it', () => {
    const world = leasedWorld();
    world.input(cancel);
    expect(world.say(connected('a1', { sessionId: 'a1-s2' }))).toMatchObject([
      { type: 'task.ended', data: { end: 'cancelled', outcome: 'undelivered' } },
    ]);
    expect(world.takeOut('push-lease')).toEqual([]);
  });

  it('that holds a lease under cancel gets the cancel again', () => {
    const world = leasedWorld();
    world.input(cancel);
    world.takeOver();
    world.say(connected('a1', { inventory: [held('x')] }));
    expect(world.takeOut('push-cancel')).toMatchObject([{ taskId: 'x' }]);
  });

  it('that holds what is not live is told to drop it, and to report what is finished', () => {
    const world = leasedWorld();
    const inventory = [held('x'), held('x', 9), held('gone'), { ...held('old'), finished: true }];
    world.say(connected('a1', { sessionId: 'a1-s2', inventory }));
    expect(world.takeOut('drop-lease')).toMatchObject([{ taskId: 'x', attempt: 9 }, { taskId: 'gone' }]);
    expect(world.takeOut('push-lease')).toEqual([]);
  });

  it('with a finished run is not pushed that lease again: its report follows', () => {
    const world = leasedWorld();
    world.say(connected('a1', { sessionId: 'a1-s2', inventory: [{ ...held('x'), finished: true }] }));
    expect(world.out.filter((effect) => effect.kind !== 'ask-heartbeat')).toEqual([]);
  });

  it('listed in a heartbeat is compared as well', () => {
    const world = leasedWorld();
    world.say(heartbeat('a1', world.nowMs, [held('x'), held('gone')]));
    expect(world.takeOut('drop-lease')).toMatchObject([{ taskId: 'gone' }]);
  });
});
