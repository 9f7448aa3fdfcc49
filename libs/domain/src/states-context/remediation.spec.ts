import { type StateSpec, type TaskEnd } from '@fluxforge/events/catalogue';
import { roundOf } from '@fluxforge/domain/desired-state';
import { World, acme } from './world.fixture.js';

/** A world whose target a1 has just been found drifted. */
function drifted(spec: Partial<StateSpec> = {}, agents = ['a1']): World {
  const world = new World();
  for (const agent of agents) world.enrol(agent);
  world.declare('s1', spec);
  world.advance(1000);
  for (const agent of agents) world.result({ exit_code: 1 }, agent);
  return world;
}

describe('remediation.requested', () => {
  it('carries everything that the apply needs, and an end', () => {
    const world = drifted({ env: { A: 'b' }, cwd: '/', run_as: 'nobody' });
    expect(world.lastRequest()).toEqual({
      state_id: 's1',
      agent_id: 'a1',
      generation: 1,
      attempt: 1,
      task_id: expect.stringMatching(/^rem-[0-9a-f]{32}-1-1$/) as string,
      command: 'touch /etc/motd',
      env: { A: 'b' },
      cwd: '/',
      run_as: 'nobody',
      priority: 4,
      execution_timeout_ms: 600_000,
      not_after_ms: world.nowMs + 600_000,
    });
  });

  it.each<[string, Partial<StateSpec>]>([
    ['mode check_only', { mode: 'check_only' }],
    ['nothing to apply', { apply_cmd: undefined }],
  ])('is not made with %s', (_, spec) => {
    const world = drifted(spec);
    world.advance(600_000);
    expect(world.ofType('remediation.requested')).toHaveLength(0);
    expect(world.ofType('drift.detected')).toHaveLength(1);
  });

  it('is not made for a draining agent, and is once it drains no more', () => {
    const world = new World();
    world.enrol('a1');
    world.foreign('agent.drain-set', { agent_id: 'a1', drain: true });
    world.declare('s1');
    world.advance(1000);
    world.result({ exit_code: 1 });
    expect(world.ofType('remediation.requested')).toHaveLength(0);
    world.foreign('agent.drain-set', { agent_id: 'a1', drain: false });
    expect(world.ofType('remediation.requested')).toHaveLength(1);
  });

  it('gives other ids to another membership and another life of the state', () => {
    const world = drifted();
    const ids = [world.lastRequest().task_id];
    world.relabel('a1', { x: 'y' });
    world.update('s1', { selector: [{ key: 'x', op: 'not-exists', values: [] }] });
    world.relabel('a1', {});
    world.advance(1000);
    world.result({ exit_code: 1 });
    ids.push(world.lastRequest().task_id);
    world.relabel('a1', { x: 'y' });
    world.relabel('a1', {});
    world.advance(1000);
    world.result({ exit_code: 1 });
    ids.push(world.lastRequest().task_id);
    world.command('state.delete', { state_id: 's1' });
    world.advance(25 * 3600 * 1000);
    world.declare('s1');
    world.advance(1000);
    world.result({ exit_code: 1 });
    ids.push(world.lastRequest().task_id);
    expect(new Set(ids).size).toBe(4);
  });
});

describe('the end of its task', () => {
  it.each<[TaskEnd, boolean]>([
    ['failed', true],
    ['execution_timed_out', true],
    ['rejected', false],
    ['expired', false],
    ['delivery_timed_out', false],
    ['cancelled', false],
    ['lost', false],
  ])('%s is a failure; counted: %s', (end, counted) => {
    const world = drifted();
    world.endTask(world.lastRequest(), end);
    expect(world.ofType('remediation.failed')[0]?.data).toMatchObject({ end, counted, attempt: 1 });
    expect(world.target().attemptsUsed).toBe(counted ? 1 : 0);
  });

  it('refused at admission is not counted and tried again with the next number', () => {
    const world = drifted();
    const { task_id: taskId, state_id, agent_id, generation, attempt } = world.lastRequest();
    world.foreign('task.rejected', {
      task_id: taskId,
      life: 1,
      kind: 'reconciliation',
      reason: 'quota_queued_tasks',
      message: '',
      origin: { state_id, agent_id, generation, attempt },
    });
    expect(world.ofType('remediation.failed')[0]?.data).toMatchObject({
      end: 'rejected',
      reason: 'quota_queued_tasks',
      counted: false,
    });
    world.advance(1000);
    expect(world.lastRequest().attempt).toBe(2);
    expect(world.target().attemptsUsed).toBe(0);
  });

  it('lost is followed by a check first; what it finds decides', () => {
    const world = drifted();
    world.endTask(world.lastRequest(), 'lost');
    world.advance(10_000);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.result({ exit_code: 1 });
    expect(world.ofType('remediation.requested')).toHaveLength(2);
  });

  it('that never comes is a failure in the end, not counted', () => {
    const world = drifted({ apply_timeout_ms: 60_000 });
    world.advance(600_000 + 60_000 + 60_000 - 1);
    expect(world.ofType('remediation.failed')).toHaveLength(0);
    world.advance(1);
    expect(world.ofType('remediation.failed')[0]?.data).toMatchObject({
      reason: 'remediation_unanswered',
      counted: false,
    });
    world.advance(2000);
    world.result({ exit_code: 1 });
    expect(world.lastRequest().attempt).toBe(2);
  });

  it('of another task moves nothing', () => {
    const world = drifted();
    world.endTask({ ...world.lastRequest(), task_id: 'other' }, 'succeeded');
    expect(world.ofType('remediation.applied')).toHaveLength(0);
    expect(world.state.tenants.get(acme)?.agents.get('a1')?.ends.size).toBe(0);
  });

  it('that came while nobody owned the partition is acted on by the new owner', () => {
    const world = drifted();
    const request = world.lastRequest();
    const origin = { state_id: 's1', agent_id: 'a1', generation: 1, attempt: 1 };
    world.log.push({
      foreign: {
        type: 'task.ended',
        tenantId: acme,
        subject: request.task_id,
        id: 'f',
        timeMs: world.nowMs,
        data: {
          task_id: request.task_id,
          life: 1,
          end: 'succeeded',
          reason: 'exit_zero',
          attempts_used: 1,
          origin,
        },
      },
    });
    world.takeover();
    expect(world.ofType('remediation.applied')).toHaveLength(1);
    world.advance(1);
    expect(world.takeRequests()).toHaveLength(1);
  });
});

describe('retries', () => {
  it('wait for the backoff, and grow', () => {
    const world = drifted({ attempts: 5, backoff: { base_ms: 10_000, max_ms: 3_600_000 } });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      world.endTask(world.lastRequest(), 'rejected');
      const retryAtMs = world.ofType('remediation.failed').at(-1)!.data.retry_at_ms;
      waits.push(retryAtMs - world.nowMs);
      world.advance(retryAtMs - world.nowMs - 1);
      expect(world.ofType('remediation.requested')).toHaveLength(i + 1);
      world.advance(1);
      expect(world.ofType('remediation.requested')).toHaveLength(i + 2);
    }
    waits.forEach((wait, i) => {
      expect(wait).toBeGreaterThanOrEqual(5_000 * 2 ** i);
      expect(wait).toBeLessThanOrEqual(10_000 * 2 ** i);
    });
  });

  it('start anew with a new generation, given up or not', () => {
    const world = drifted({ attempts: 1 });
    world.endTask(world.lastRequest(), 'failed');
    expect(world.ofType('remediation.given-up')).toHaveLength(1);
    world.advance(600_000);
    world.result({ exit_code: 1 });
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.update('s1', { attempts: 2 });
    world.advance(1000);
    world.result({ exit_code: 1 });
    expect(world.lastRequest()).toMatchObject({ generation: 2, attempt: 1 });
  });

  it('end when a check finds it mended meanwhile', () => {
    const world = drifted({ backoff: { base_ms: 100_000, max_ms: 100_000 } });
    world.endTask(world.lastRequest(), 'failed');
    world.result({ exit_code: 0 });
    world.advance(1_000_000);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    expect(world.ofType('compliance.restored')[0]?.data.attempts_used).toBe(1);
  });
});

describe('budgets', () => {
  const ten = Array.from({ length: 10 }, (_, i) => `a${i}`);

  it.each([
    [{ count: 3 }, 3],
    [{ percent: 25 }, 3],
    [{ percent: 1 }, 1],
    [{ count: 0 }, 1],
  ])('max_concurrency %j lets %i of ten run at once', (budget, most) => {
    const world = drifted({ max_concurrency: budget }, ten);
    expect(world.ofType('remediation.requested')).toHaveLength(most);
    const first = world.ofType('remediation.requested')[0]!.data;
    world.endTask(first, 'succeeded');
    expect(world.ofType('remediation.requested')).toHaveLength(most);
    world.result({ exit_code: 0 }, first.agent_id);
    expect(world.ofType('remediation.requested')).toHaveLength(most + 1);
  });

  it('max_failures: nothing new is started once more have been given up', () => {
    const spec = { max_concurrency: { count: 1 }, max_failures: { count: 1 }, attempts: 1 };
    const world = drifted(spec, ten);
    for (let i = 0; i < 10; i++) {
      const request = world.ofType('remediation.requested')[i];
      if (request) world.endTask(request.data, 'failed');
    }
    expect(world.ofType('remediation.given-up')).toHaveLength(2);
    expect(world.ofType('remediation.requested')).toHaveLength(2);
    const given = world.ofType('remediation.given-up')[0]!.data.agent_id;
    world.advance(1000);
    world.result({ exit_code: 0 }, given);
    expect(world.ofType('remediation.requested')).toHaveLength(3);
  });
});

describe('remediation.withdrawn', () => {
  it.each<[string, string, (world: World) => void]>([
    ['the state is deleted', 'state_deleted', (w) => void w.command('state.delete', { state_id: 's1' })],
    ['the spec changes', 'state_changed', (w) => void w.update('s1', { attempts: 9 })],
    ['it is suspended', 'state_suspended', (w) => void w.command('state.suspend', { state_id: 's1' })],
    ['the agent is removed', 'agent_removed', (w) => w.foreign('agent.removed', { agent_id: 'a1' })],
    ['the agent matches no more', 'selector_no_longer_matches', (w) => w.relabel('a1', { x: 'y' })],
  ])('when %s: %s, once', (_, reason, happen) => {
    const world = drifted({ selector: [{ key: 'x', op: 'not-exists', values: [] }] });
    const { task_id: taskId } = world.lastRequest();
    happen(world);
    const withdrawn = world.ofType('remediation.withdrawn');
    expect(withdrawn.map(({ data }) => [data.task_id, data.reason])).toEqual([[taskId, reason]]);
    world.advance(1000);
    expect(world.ofType('remediation.withdrawn')).toHaveLength(1);
  });

  it('comes before the target goes', () => {
    const world = drifted({ selector: [{ key: 'x', op: 'not-exists', values: [] }] });
    world.relabel('a1', { x: 'y' });
    expect(world.types().slice(-2)).toEqual(['remediation.withdrawn', 'targets.changed']);
  });

  it('is found by the new owner when a crash came between the deletion and it', () => {
    const world = drifted();
    world.append([{ type: 'state.deleted', tenantId: acme, subject: 's1', data: { state_id: 's1' } }]);
    world.takeover();
    expect(world.ofType('remediation.withdrawn')).toHaveLength(1);
    world.takeover();
    expect(world.ofType('remediation.withdrawn')).toHaveLength(1);
  });

  it('keeps a new apply waiting until the old one is over', () => {
    const world = drifted();
    const old = world.lastRequest();
    world.update('s1', { attempts: 9 });
    world.advance(1000);
    world.result({ exit_code: 1 });
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.endTask(old, 'cancelled');
    expect(world.lastRequest()).toMatchObject({ generation: 2, attempt: 1 });
  });

  it('keeps it waiting for a bounded time only', () => {
    const world = drifted();
    world.update('s1', { attempts: 9 });
    world.advance(1000);
    world.result({ exit_code: 1 });
    world.advance(60_000);
    expect(world.ofType('remediation.requested')).toHaveLength(2);
  });
});

it('asks for a new finding after a suspension before it applies', () => {
  const world = drifted({ max_concurrency: { count: 1 } }, ['a1', 'a2']);
  const first = world.lastRequest('a1');
  world.command('state.suspend', { state_id: 's1' });
  world.endTask(first, 'cancelled');
  world.command('state.resume', { state_id: 's1' });
  expect(world.ofType('remediation.requested')).toHaveLength(1);
  world.result({ exit_code: 1 }, 'a2');
  expect(world.lastRequest('a2').attempt).toBe(1);
});

describe('events that did not reach the log', () => {
  it('are decided again: a request', () => {
    const world = drifted({ mode: 'check_only' });
    world.update('s1', {});
    world.advance(1000);
    const message = { kind: 'check-result' as const, tenantId: acme, agentId: 'a1' };
    const result = {
      state_id: 's1',
      generation: 2,
      outcome: 'exited' as const,
      exit_code: 1,
      duration_ms: 1,
    };
    const input = { ...message, result: { ...result, round: roundOf(world.target()) } };
    world.context.observe(world.state, input, world.nowMs);
    world.append(world.context.decide(world.state, { kind: 'message', message: input }, world.nowMs));
    const first = world.context.plan(world.state, world.nowMs, 500);
    expect(first).toMatchObject([{ type: 'remediation.requested' }]);
    expect(world.context.plan(world.state, world.nowMs, 500)).toEqual(first);
  });

  it('are decided again: what a single target calls for', () => {
    const world = drifted();
    world.append([{ type: 'state.suspended', tenantId: acme, subject: 's1', data: { state_id: 's1' } }]);
    const first = world.context.plan(world.state, world.nowMs, 500);
    expect(first).toMatchObject([{ type: 'remediation.withdrawn' }]);
    expect(world.context.plan(world.state, world.nowMs, 500)).toEqual(first);
  });
});

describe('places of max_concurrency', () => {
  it('come free when an agent leaves whose apply was not verified yet', () => {
    const world = drifted({ max_concurrency: { count: 1 } }, ['a1', 'a2']);
    world.endTask(world.lastRequest('a1'), 'succeeded');
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.foreign('agent.removed', { agent_id: 'a1' });
    expect(world.lastRequest('a2').attempt).toBe(1);
  });

  it('grow at once with the agents that a percentage is of', () => {
    const world = drifted({ max_concurrency: { percent: 50 } }, ['a1', 'a2']);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.enrol('a3', {}, false);
    expect(world.ofType('remediation.requested')).toHaveLength(2);
  });
});

it('gives wide requests in steps that fit in a batch, however large the command', () => {
  const agents = Array.from({ length: 40 }, (_, i) => `a${i}`);
  const world = new World();
  for (const agent of agents) world.enrol(agent);
  world.declare('s1', { apply_cmd: `: ${'x'.repeat(60_000)}`, mode: 'check_only' });
  world.advance(1000);
  world.update('s1', { apply_cmd: `: ${'x'.repeat(60_000)}` });
  world.advance(1000);
  const results = agents.map((agentId) => ({
    kind: 'check-result' as const,
    tenantId: acme,
    agentId,
    result: {
      state_id: 's1',
      generation: 2,
      round: roundOf(world.target(agentId)),
      outcome: 'exited' as const,
      exit_code: 1,
      duration_ms: 1,
    },
  }));
  for (const message of results) {
    world.context.observe(world.state, message, world.nowMs);
    world.append(world.context.decide(world.state, { kind: 'message', message }, world.nowMs));
  }
  const sizes: number[] = [];
  for (let steps = 0; steps < 100; steps++) {
    const planned = world.context.plan(world.state, world.nowMs, 500);
    if (planned.length === 0) break;
    sizes.push(JSON.stringify(planned).length);
    world.append(planned);
  }
  expect(world.ofType('remediation.requested')).toHaveLength(40);
  expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
});
