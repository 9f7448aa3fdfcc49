import { command, connected, fact, heartbeat, held, policy, types, World } from './scenario.fixture.js';
import { makeTasksContext } from './context.js';
import { type Queued } from './explanation.js';

const { leaseMs, leaseMarginMs, agentTtlMs, brake } = policy;
const restMs = leaseMs + leaseMarginMs;
const ids = Array.from({ length: 10 }, (_, i) => `a${i}`);

/** Ten agents, a task on each of them, and then the last `silent` of them say nothing any more. */
function world(silent: number): World {
  const limits = { max_queued_tasks: 100, max_agents: 20, max_states: 1 };
  const one = new World().given(fact.tenant('t', { limits }));
  for (const id of ids) {
    one.given(fact.agent(id, { slots: 4 }));
    one.say(connected(id, { slots: 4 }));
  }
  for (const id of ids) one.given(fact.queued(`on-${id}`, { delivery_timeout_ms: 0 }));
  one.settle();
  // A new owner calls nobody lost before this.
  pass(one, restMs, 0);
  pass(one, agentTtlMs, silent);
  return one;
}

/** Time goes by in which all but the silent ones answer. */
function pass(one: World, spanMs: number, silent: number) {
  const events = [];
  const { tasks } = one.state.realms.get('t')!;
  for (const endMs = one.nowMs + spanMs; one.nowMs < endMs;) {
    events.push(...one.after(Math.min(1_000, endMs - one.nowMs)));
    for (const id of ids.slice(0, ids.length - silent)) {
      const running = [...tasks.values()].filter(({ lease }) => lease?.agentId === id);
      const refs = running.map((task) => ({ taskId: task.id, life: 1, attempt: task.attemptsUsed }));
      events.push(...one.say(heartbeat(id, one.nowMs, refs)));
    }
  }
  return events;
}

describe('when most agents of a tenant fall silent at once', () => {
  it('what ran there is queued, and not leased again', () => {
    const one = world(6);
    expect(one.log.filter(({ type }) => type === 'agent.lost')).toHaveLength(6);
    expect(one.log.at(-1)).toMatchObject({
      type: 'tenant.brake-set',
      data: { braked: true, reason: 'mass_loss', lost_agents: 6, agents: 10 },
    });
    const events = pass(one, restMs, 6);
    expect(types(events).filter((type) => type === 'task.attempt-ended')).toHaveLength(6);
    expect(types(events)).not.toContain('task.leased');
    const held = one.context.explainTask(one.state, 't', 'on-a9', one.nowMs) as Queued;
    expect(held).toMatchObject({
      rule: 'mass_loss_brake',
      remedies: [{ kind: 'release-brake' }, { kind: 'wait-until' }],
    });
  });

  it('other work goes on', () => {
    const one = world(6);
    pass(one, restMs, 6);
    one.given(fact.queued('new'));
    expect(one.settle()).toMatchObject([{ type: 'task.leased', data: { task_id: 'new' } }]);
  });

  it('an operator lets it go, and the same silence does not bring it back', () => {
    const one = world(6);
    pass(one, restMs, 6);
    const events = one.input(command('tenant.release-brake', {}));
    expect(events[0]).toMatchObject({
      type: 'tenant.brake-set',
      data: { braked: false, reason: 'operator' },
    });
    expect(types(events.slice(1))).toEqual(Array<string>(6).fill('task.leased'));
    expect(types(one.input(command('tenant.release-brake', {})))).toEqual(['command.accepted']);
  });

  it.each(['log', 'snapshot'] as const)('time lets it go, also for a new owner by %s', (by) => {
    const one = world(6);
    pass(one, restMs, 6);
    if (by === 'log') one.takeOver();
    else one.state = one.context.deserialize(one.context.serialize(one.state))!;
    expect(one.state.realms.get('t')!.brake.isOn).toBe(true);
    one.nowMs += brake.holdMs;
    expect(one.settle()).toContainEqual(expect.objectContaining({ type: 'tenant.brake-set', subject: 't' }));
    expect(one.state.realms.get('t')!.brake.isOn).toBe(false);
  });

  it('agents that come back in time keep what they run', () => {
    const one = world(6);
    const { agents, tasks } = one.state.realms.get('t')!;
    const silent = ids.slice(4);
    const events = silent.flatMap((id) => {
      const inventory = [...agents.get(id)!.leases].map((task) => held(task, tasks.get(task)!.attemptsUsed));
      return one.say(connected(id, { slots: 4, inventory }));
    });
    expect(types(events)).toEqual(silent.map(() => 'agent.found'));
    expect(types(pass(one, restMs, 0))).toEqual([]);
  });

  it('a half is not most of them', () => {
    expect(types(world(5).log)).not.toContain('tenant.brake-set');
  });
});

describe('few agents', () => {
  /** All of them fall silent at once, each with a task. */
  const silent = (count: number, over: Partial<typeof brake> = {}) => {
    const few = new World(makeTasksContext({ ...policy, brake: { ...brake, ...over } }));
    few.given(fact.tenant('t', { limits: { max_queued_tasks: 9, max_agents: 9, max_states: 1 } }));
    for (const id of ids.slice(0, count)) {
      few.given(fact.agent(id));
      few.say(connected(id));
      few.given(fact.queued(`on-${id}`, { agent_id: id, delivery_timeout_ms: 0 }));
    }
    few.settle();
    few.after(restMs);
    return few;
  };
  const back = (few: World) => {
    few.after(restMs);
    return types(
      ids.slice(0, few.state.realms.get('t')!.agents.size).flatMap((id) => few.say(connected(id))),
    );
  };

  it.each([1, 2, 3, 4])('all %d are no mass: what they ran is run again', (count) => {
    const few = silent(count);
    expect(types(few.log)).not.toContain('tenant.brake-set');
    expect(back(few).filter((type) => type === 'task.leased')).toHaveLength(count);
  });

  it.each([2, 3, 4])('all %d are one where that is said', (count) => {
    const few = silent(count, { minAgents: 2 });
    const data = { braked: true, lost_agents: count, agents: count };
    expect(few.log.find(({ type }) => type === 'tenant.brake-set')).toMatchObject({ data });
    expect(back(few)).not.toContain('task.leased');
  });

  it('a single one never is, unless one is said to be enough', () => {
    expect(types(silent(1, { minAgents: 2 }).log)).not.toContain('tenant.brake-set');
    expect(types(silent(1, { minAgents: 1 }).log)).toContain('tenant.brake-set');
  });

  it('a share of all of them is never exceeded', () => {
    expect(types(silent(9, { sharePercent: 100 }).log)).not.toContain('tenant.brake-set');
    expect(types(silent(9, { sharePercent: 99 }).log)).toContain('tenant.brake-set');
  });
});
