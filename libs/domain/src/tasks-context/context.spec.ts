import {
  command,
  connected,
  fact,
  foreign,
  hash,
  heartbeat,
  ok,
  policy,
  result,
  spec,
  t0,
  types,
  World,
  worldWith,
} from './scenario.fixture.js';
import { agentCredential, leaseView, queueDepths, tasksContext } from './index.js';

describe('agents in time', () => {
  it('are asked for a heartbeat at the pace of the policy, only while connected', () => {
    const world = worldWith(['a1']);
    world.after(policy.heartbeatMs);
    expect(world.takeOut('ask-heartbeat')).toHaveLength(1);
    world.after(policy.heartbeatMs - 1);
    expect(world.takeOut('ask-heartbeat')).toHaveLength(0);
    world.after(1);
    expect(world.takeOut('ask-heartbeat')).toHaveLength(1);
    world.say({ kind: 'disconnected', tenantId: 't', agentId: 'a1', sessionId: 'a1-s1' });
    world.after(policy.heartbeatMs * 2);
    expect(world.takeOut('ask-heartbeat')).toHaveLength(0);
  });

  it('are lost after their time without an answer, and found with the next', () => {
    const world = worldWith(['a1']);
    // The owner took over at t0 as well: its own patience is the longer one at first.
    world.nowMs = t0 + 60_000;
    world.say(heartbeat('a1', world.nowMs));
    expect(world.after(policy.agentTtlMs - 1)).toEqual([]);
    expect(world.after(1)).toMatchObject([{ type: 'agent.lost', data: { reason: 'no_answer' } }]);
    expect(world.say(heartbeat('a1', world.nowMs))).toMatchObject([
      { type: 'agent.found', data: { reason: 'reconnected' } },
    ]);
  });

  it('are not lost as long as they answer', () => {
    const world = worldWith(['a1']);
    for (let i = 0; i < 40; i++) {
      world.after(2_000);
      expect(world.say(heartbeat('a1', world.nowMs))).toEqual([]);
    }
  });

  it('answer on their present stream only', () => {
    const world = worldWith(['a1']);
    world.say(connected('a1', { sessionId: 'a1-s2' }));
    world.nowMs += 19_000;
    world.say(heartbeat('a1', world.nowMs));
    expect(types(world.after(1_000))).toEqual(['agent.lost']);
  });
});

describe('outside', () => {
  it('the directory hears of tenants and keys, and all of it again from a new owner', () => {
    const world = new World();
    world.input(command('tenant.create', { tenant_id: 't', name: 'n' }));
    const key = { key_id: 'k', key_hash: hash('b'), role: 'admin' as const, label: 'l' };
    world.input(command('tenant.add-key', key));
    world.input(command('tenant.revoke-key', { key_id: 'k' }));
    const entry = { kind: 'directory-key', tenantId: 't', keyId: 'k', keyHash: hash('b'), role: 'admin' };
    expect(world.out).toMatchObject([
      { kind: 'directory-tenant', name: 'n' },
      { ...entry, revoked: false },
      { ...entry, revoked: true },
    ]);
    world.takeOver();
    expect(world.out).toMatchObject([
      { kind: 'directory-mode', mode: 'normal' },
      { kind: 'directory-tenant', mode: 'normal' },
      { ...entry, revoked: true },
    ]);
  });

  it('a lease is pushed once, and not after the margin', () => {
    const world = worldWith(['a1']).given(fact.queued('x'));
    world.settle();
    expect(world.out).toEqual([
      {
        kind: 'push-lease',
        tenantId: 't',
        agentId: 'a1',
        taskId: 'x',
        life: 1,
        attempt: 1,
        pushBeforeMs: t0 + policy.leaseMarginMs,
      },
    ]);
  });

  it('a lease that ended in the same batch is not pushed', () => {
    const world = worldWith(['a1']).given(fact.queued('x'));
    world.settle();
    const leased = world.log.find((one) => one.type === 'task.leased')!;
    world.say(result('x', 'a1', ok));
    expect(world.context.effects(world.state, leased)).toEqual([]);
  });
});

describe('queries', () => {
  it('give the shell what a lease frame needs', () => {
    const world = worldWith(['a1']).given(fact.queued('x', { cwd: '/srv' }));
    expect(leaseView(world.state, 't', 'x')).toBeNull();
    world.settle();
    expect(leaseView(world.state, 't', 'x')).toMatchObject({
      agentId: 'a1',
      attempt: 1,
      life: 1,
      leaseMs: policy.leaseMs,
      cancelRequested: false,
      spec: { cwd: '/srv' },
    });
    expect(leaseView(world.state, 'u', 'x')).toBeNull();
  });

  it('give credentials of agents that are there', () => {
    const world = worldWith(['a1']);
    expect(agentCredential(world.state, 't', 'a1')).toBe(hash('c'));
    expect(agentCredential(world.state, 'u', 'a1')).toBeNull();
    world.input(command('agent.remove', { agent_id: 'a1' }));
    expect(agentCredential(world.state, 't', 'a1')).toBeNull();
  });

  it('count what waits and what runs', () => {
    const world = worldWith(['a1'], { slots: 2 });
    world.given(...['1', '2', '3'].map((id) => fact.queued(id)), fact.queued('4', { not_before_ms: t0 + 1 }));
    world.settle();
    const bytes = [spec(), spec({ not_before_ms: t0 + 1 })].map((one) => JSON.stringify(one).length);
    expect(queueDepths(world.state)).toEqual([
      {
        ...{ tenantId: 't', queued: 2, queuedBytes: bytes[0]! + bytes[1]!, ready: 1, leased: 2 },
        byPriority: [0, 0, 0, 0, 0, 2, 0, 0, 0, 0],
      },
    ]);
  });
});

describe('explain', () => {
  const why = (world: World, id = 'x') => world.context.explainTask(world.state, 't', id, world.nowMs);

  it('names the rule that holds a task back', () => {
    const world = worldWith([]).given(fact.queued('x'));
    world.settle();
    expect(why(world)).toMatchObject({
      phase: 'queued',
      rule: 'no_agent_matches',
      remedies: [{ kind: 'add-agents', count: 1, slots: 1 }],
    });
    world.given(fact.agent('a1', { slots: 1 }));
    expect(why(world)).toMatchObject({
      rule: 'agent_lost',
      candidates: { known: 1, byReason: { agent_lost: 1 }, agents: [{ agentId: 'a1' }] },
    });
    world.given(fact.queued('first', { priority: 0 }));
    world.input(command('agent.drain', { agent_id: 'a1', drain: true }));
    world.say(connected('a1', { slots: 1 }));
    expect(why(world)).toMatchObject({ rule: 'agent_draining', remedies: [{ kind: 'undrain-agent' }, {}] });
    world.input(command('agent.drain', { agent_id: 'a1', drain: false }));
    expect(why(world)).toMatchObject({ rule: 'agents_full', effectivePriority: 5, position: 1 });
    expect(why(world, 'first')).toMatchObject({ phase: 'leased', agentId: 'a1', attempt: 1 });
    world.say(result('first', 'a1', { outcome: 'exited', exit_code: 1 }));
    expect(why(world, 'first')).toMatchObject({ phase: 'queued', rule: 'backoff', position: null });
    expect(why(world, 'x')).toMatchObject({ phase: 'leased' });
    world.say(result('x', 'a1', ok));
    expect(why(world, 'x')).toMatchObject({ phase: 'ended', end: 'succeeded' });
    expect(why(world, 'y')).toEqual({ phase: 'unknown' });
  });
});

describe('the context', () => {
  it('answers a command that it does not know', () => {
    const unknown = command('task.cancel', { task_id: 'x' });
    const later = { ...unknown, command: { ...unknown.command, type: 'task.dance' } };
    expect(new World().input(later as never)).toMatchObject([
      { type: 'command.rejected', data: { code: 'invalid' } },
    ]);
  });

  it('ignores what does not fit', () => {
    const world = worldWith(['a1']);
    const before = world.context.serialize(world.state);
    world.given(
      fact.leased('nothing', 'a1'),
      fact.agent('a1'),
      fact.tenant('t', { name: 'again' }),
      fact.found('nobody'),
    );
    expect(world.context.serialize(world.state)).toBe(before);
    expect(world.input(foreign({ type: 'state.deleted', data: { state_id: 's' } }))).toEqual([]);
  });

  it('is quiet at first, and needs no waking', () => {
    const state = tasksContext.initial(3);
    expect(tasksContext.plan(state, t0, 100)).toEqual([]);
    expect(tasksContext.wakeAtMs(state)).toBeNull();
    expect(tasksContext.pulse(state, t0)).toEqual([]);
  });

  it('calls nothing overdue before it knows since when it owns', () => {
    const world = worldWith(['a1']).given(fact.queued('x'), fact.leased('x', 'a1'));
    const state = tasksContext.initial(0);
    for (const one of world.log) tasksContext.evolve(state, one);
    expect(tasksContext.plan(state, t0 + 1e9, 100)).toEqual([]);
  });

  it('plans nothing when there is no room', () => {
    const world = worldWith(['a1']).given(fact.queued('x'));
    expect(world.context.plan(world.state, t0, 0)).toEqual([]);
    expect(types(world.context.plan(world.state, t0, 1))).toEqual(['task.leased']);
  });

  it('forgets ended tasks by age and number', () => {
    const world = worldWith(['a1']);
    world.given(fact.queued('x'));
    world.settle();
    world.say(result('x', 'a1', ok));
    expect(world.state.realms.get('t')?.ended.size).toBe(1);
    world.nowMs += policy.endedKeptMs + 1;
    world.say(connected('a1'));
    world.given(fact.queued('y'));
    world.settle();
    world.say(result('y', 'a1', ok));
    expect([...world.state.realms.get('t')!.ended.keys()]).toEqual(['y']);
  });
});
