import { decided } from '@fluxforge/domain/kernel';
import { makeTasksContext } from './context.js';
import { cloneRealm } from './copy.js';
import {
  command,
  connected,
  fact,
  heartbeat,
  message,
  ok,
  policy,
  result,
  t0,
  World,
} from './scenario.fixture.js';

const stepMs = 1_000;
const big = { requests: { slots: 2 } };
/** Of priority 5: one step of aging beyond the top. */
const dueMs = 6 * policy.agingMs;

/** One agent of two slots, always with two small runs of which one ends each step, and small tasks that wait. */
class Stream {
  readonly world: World;
  private made = 0;

  constructor(agingMs = policy.agingMs) {
    const limits = { max_queued_tasks: 1_000, max_agents: 10, max_states: 10 };
    this.world = new World(makeTasksContext({ ...policy, agingMs })).given(
      fact.tenant('t', { limits }),
      fact.agent('a1'),
    );
    this.world.say(connected('a1'));
    for (let i = 0; i < 4; i++) this.queue();
    this.world.settle();
  }

  get running(): string[] {
    return [...this.world.state.realms.get('t')!.agents.get('a1')!.leases];
  }

  queue(over: object = {}): void {
    this.world.given(fact.queued(`s${this.made++}`, { output_limit_bytes: 0, ...over }));
  }

  /** Answers what was leased. */
  step(): string[] {
    const { world } = this;
    world.nowMs += stepMs;
    const refs = this.running.map((taskId) => ({ taskId, life: 1, attempt: 1 }));
    world.say(heartbeat('a1', world.nowMs, refs));
    this.queue();
    const [first] = this.running;
    const events = first === undefined ? world.settle() : world.say(result(first, 'a1', ok));
    return events.filter(({ type }) => type === 'task.leased').map(({ subject }) => subject);
  }

  explain(taskId: string) {
    return this.world.context.explainTask(this.world.state, 't', taskId, this.world.nowMs);
  }
}

/** Steps until it is leased; infinity: not within `most`. */
function stepsUntil(stream: Stream, taskId: string, most: number): number {
  for (let i = 1; i <= most; i++) if (stream.step().includes(taskId)) return i;
  return Infinity;
}

describe('keeping room for a task that smaller ones would pass for ever', () => {
  it('leases it once it has aged beyond the top and what ran there has ended', () => {
    const stream = new Stream();
    stream.world.given(fact.queued('big', big));
    const steps = stepsUntil(stream, 'big', 1_000);
    expect(steps * stepMs).toBeGreaterThanOrEqual(dueMs);
    expect(steps * stepMs).toBeLessThanOrEqual(dueMs + 4 * stepMs);
    // And the small ones go on.
    expect(stepsUntil(stream, 's190', 1_000)).toBeLessThan(1_000);
  });

  it('is what it takes: without it the task is passed for as long as one looks', () => {
    const stream = new Stream(10_000_000);
    stream.world.given(fact.queued('big', { ...big, priority: 0 }));
    expect(stepsUntil(stream, 'big', 400)).toBe(Infinity);
  });

  it('is explained: to those who wait for the agent, and to whom it is kept for', () => {
    const stream = new Stream();
    stream.world.given(fact.queued('big', big));
    while (stream.world.nowMs < t0 + dueMs) stream.step();
    stream.world.given(fact.queued('pinned', { agent_id: 'a1', priority: 9 }));
    stream.world.settle();
    expect(stream.explain('big')).toMatchObject({
      rule: 'agents_full',
      candidates: { byReason: { agents_full: 1 } },
      kept: { agentId: 'a1', roomAtMs: expect.closeTo(stream.world.nowMs + 64_000, -4) as number },
    });
    expect(stream.explain('pinned')).toMatchObject({
      rule: 'agent_kept',
      kept: null,
      remedies: [{ kind: 'end-tasks', taskIds: ['big'] }],
    });
    stream.world.input(command('task.cancel', { task_id: 'big' }));
    expect(stream.explain('pinned')).not.toMatchObject({ rule: 'agent_kept' });
  });

  it('lets go when the task ends, and when the agent cannot take it any more', () => {
    for (const change of [
      () => command('task.cancel', { task_id: 'big' }),
      () => command('agent.drain', { agent_id: 'a1', drain: true }),
    ]) {
      const stream = new Stream();
      stream.world.given(fact.queued('big', big));
      while (stream.world.nowMs < t0 + dueMs) stream.step();
      const agent = stream.world.state.realms.get('t')!.agents.get('a1')!;
      expect(agent.keptFor).toBe('big');
      stream.world.input(change());
      expect(agent.keptFor).toBeNull();
    }
  });

  it('takes an agent that comes and has room, and lets the other go', () => {
    const stream = new Stream();
    stream.world.given(fact.queued('big', big));
    while (stream.world.nowMs < t0 + dueMs) stream.step();
    stream.world.given(fact.agent('a2'));
    const leased = stream.world.say(connected('a2')).filter(({ type }) => type === 'task.leased');
    expect(leased).toContainEqual(
      expect.objectContaining({
        subject: 'big',
        data: expect.objectContaining({ agent_id: 'a2' }) as object,
      }),
    );
    expect(stream.world.state.realms.get('t')!.agents.get('a1')!.keptFor).toBeNull();
  });

  it('looks again in a copy as well for what no agent could take, and which waits at a gate by then', () => {
    const world = new World().given(fact.tenant(), fact.agent('a1'));
    world.say(connected('a1'));
    const concurrency = { key: 'k', max: 1, strategy: 'queue' as const };
    world.given(fact.queued('huge', { requests: { slots: 3 }, concurrency, delivery_timeout_ms: 0 }));
    world.settle();
    for (; world.nowMs < t0 + dueMs; world.nowMs += stepMs) world.say(heartbeat('a1', world.nowMs));
    world.settle();
    world.given(fact.queued('small', { concurrency, delivery_timeout_ms: 0 }));
    expect(world.settle()).toMatchObject([{ type: 'task.leased', subject: 'small' }]);
    const copy = cloneRealm(world.state, world.context.policy, 't')!;
    for (const laterMs of [0, policy.agingMs, 2 * policy.agingMs]) {
      expect(world.context.plan(copy, world.nowMs + laterMs, 100)).toEqual([]);
    }
  });

  it('goes over to an agent that lacks less by now, and to what is left when that one is removed', () => {
    const world = new World().given(fact.tenant());
    const agentOf = (id: string) => world.state.realms.get('t')!.agents.get(id);
    const runs = { near: ['n0', 'n1'], far: ['f0', 'f1', 'f2'] };
    for (const [id, taskIds] of Object.entries(runs)) {
      world.given(fact.agent(id, { slots: 3 }));
      // They go on for as long as it takes.
      const over = { agent_id: id, execution_timeout_ms: 0 };
      for (const taskId of taskIds) world.given(fact.queued(taskId, over), fact.leased(taskId, id));
      const inventory = taskIds.map((taskId) => ({ taskId, life: 1, attempt: 1, finished: false }));
      world.say(connected(id, { slots: 3, inventory }));
    }
    world.given(fact.queued('big', { requests: { slots: 3 } }));
    const wait = (spanMs: number) => {
      for (const untilMs = world.nowMs + spanMs; world.nowMs < untilMs;) {
        world.nowMs += stepMs;
        for (const id of Object.keys(runs)) {
          const refs = [...(agentOf(id)?.leases ?? [])].map((taskId) => ({ taskId, life: 1, attempt: 1 }));
          if (agentOf(id)) world.say(heartbeat(id, world.nowMs, refs));
        }
      }
    };
    wait(dueMs);
    expect([agentOf('near')?.keptFor, agentOf('far')?.keptFor]).toEqual(['big', null]);
    world.say(result('f0', 'far', ok));
    world.say(result('f1', 'far', ok));
    wait(policy.agingMs);
    expect([agentOf('near')?.keptFor, agentOf('far')?.keptFor]).toEqual([null, 'big']);
    world.input(command('agent.remove', { agent_id: 'far' }));
    wait(stepMs);
    expect(agentOf('near')?.keptFor).toBe('big');
  });

  it('gives what is kept to one of the same kind that comes first after all', () => {
    const stream = new Stream();
    const { world } = stream;
    const limits = { max_queued_tasks: 1_000, max_agents: 10, max_states: 10 };
    const narrow = { ...limits, output_bytes_per_hour: 1_000_000 };
    world.given(decided('tenant.limits-set', 't', 't', { limits: narrow }));
    // Both ask for the same; the older one may print more than an hour allows, and is put aside for that.
    world.given(fact.queued('older', { ...big, priority: 0, output_limit_bytes: 800_000 }));
    world.given(fact.queued('big', { ...big, output_limit_bytes: 0 }));
    const realm = world.state.realms.get('t')!;
    const agent = realm.agents.get('a1')!;
    const endAll = () => {
      for (const taskId of stream.running) {
        const run = message(result(taskId, 'a1', ok));
        for (const one of world.context.decide(world.state, run, world.nowMs)) world.given(one);
      }
    };
    endAll();
    world.settle();
    expect([...realm.oversized].map(({ id }) => id)).toEqual(['older']);
    while (agent.keptFor === null) stream.step();
    expect(agent.keptFor).toBe('big');
    // What runs there ends, and the older one may start, before anything is planned.
    endAll();
    world.given(decided('tenant.limits-set', 't', 't', { limits }));
    const leased = world.settle().filter(({ type }) => type === 'task.leased');
    expect(leased.map(({ subject }) => subject)).toEqual(['older']);
  });

  it('keeps none for what none could take, and says so', () => {
    const stream = new Stream();
    stream.world.given(fact.queued('huge', { requests: { slots: 3 } }));
    while (stream.world.nowMs < t0 + 2 * dueMs) stream.step();
    expect(stream.world.state.realms.get('t')!.agents.get('a1')!.keptFor).toBeNull();
    expect(stream.explain('huge')).toMatchObject({ rule: 'requests_too_large' });
  });

  it('is nothing that a new owner must know: it keeps one anew', () => {
    const stream = new Stream();
    stream.world.given(fact.queued('big', big));
    while (stream.world.nowMs < t0 + dueMs) stream.step();
    stream.world.takeOver();
    stream.world.say(
      connected('a1', {
        inventory: stream.running.map((taskId) => ({ taskId, life: 1, attempt: 1, finished: false })),
      }),
    );
    expect(stepsUntil(stream, 'big', 10)).toBeLessThan(10);
  });
});
