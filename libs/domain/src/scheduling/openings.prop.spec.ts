import fc from 'fast-check';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { fits, fitsKept, suits, type Agent } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { makeTasksContext } from '../tasks-context/context.js';
import { command, connected, fact, ok, policy, result, World } from '../tasks-context/scenario.fixture.js';
import { rankOf } from './ready-tasks.js';

const limits = { max_queued_tasks: 1_000, max_agents: 100, max_states: 10 };
/** Short, so that the many steps of a history are no time for an agent or a lease. */
const agingMs = 100;
const keeping = { oneIn: 2, atMost: 32 };
const zones = ['a', 'b', 'c'];

interface Machine {
  readonly zone: number;
  readonly slots: number;
  readonly memory: number;
}

const machine = fc.record({
  zone: fc.nat({ max: 2 }),
  slots: fc.integer({ min: 1, max: 3 }),
  memory: fc.integer({ min: 1, max: 8 }),
});

const spec: fc.Arbitrary<Partial<TaskSpec>> = fc
  .record({
    zone: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
    not: fc.nat({ max: 5 }),
    pinned: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 5 }),
    slots: fc.integer({ min: 1, max: 3 }),
    memory: fc.nat({ max: 8 }),
    key: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
    priority: fc.nat({ max: 9 }),
  })
  .map(({ zone, not, pinned, slots, memory, key, priority }) => ({
    priority,
    ...(pinned !== undefined && { agent_id: `m${pinned}` }),
    ...(key !== undefined && { concurrency: { key: `k${key}`, max: 1, strategy: 'queue' as const } }),
    ...((slots > 1 || memory > 0) && { requests: { slots, ...(memory > 0 && { memory_bytes: memory }) } }),
    selector: [
      ...(zone === undefined ? [] : [{ key: 'zone', op: 'in' as const, values: [zones[zone]!] }]),
      ...(not > 4 ? [] : [{ key: 'name', op: 'not-in' as const, values: [`m${not}`] }]),
    ],
  }));

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ act: fc.constant('queue' as const), spec }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('end' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('say' as const), id: fc.nat({ max: 4 }), machine }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant('limit' as const), running: fc.constantFrom(1, 100) }),
  },
);

/** One tenant; before each lease it is asked, task by task and agent by agent, whether another one came first. */
class Scene {
  readonly world: World;
  private made = 0;

  constructor(looksInARow: number, machines: readonly Machine[]) {
    this.world = new World(makeTasksContext({ ...policy, agingMs, looksInARow, keeping })).given(
      fact.tenant('t', { limits }),
    );
    machines.forEach((one, i) => this.say(`m${i}`, one));
  }

  get tasks(): Task[] {
    return [...this.realm.tasks.values()];
  }

  private get realm() {
    return this.world.state.realms.get('t')!;
  }

  take(one: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
    if (one.act === 'queue') this.world.given(fact.queued(`t${++this.made}`, one.spec));
    else if (one.act === 'say') this.say(`m${one.id}`, one.machine);
    else if (one.act === 'wait') this.world.nowMs += agingMs / 2;
    else if (one.act === 'limit') this.limit(one.running);
    else if (one.act === 'end') {
      const leased = this.tasks.filter(({ lease }) => lease);
      const task = leased[one.which % leased.length];
      if (task?.lease) this.hear(result(task.id, task.lease.agentId, ok, task.lease.attempt));
    } else {
      const queued = this.tasks.filter(({ lease }) => !lease);
      const task = queued[one.which % queued.length];
      if (task) this.decide(command('task.cancel', { task_id: task.id }));
    }
    this.settle();
  }

  private limit(running: number): void {
    const changed = { limits: { ...limits, max_running_tasks: running } };
    this.world.given(decided('tenant.limits-set', 't', 't', changed));
  }

  /** Events as they are decided, without the plan. */
  private decide(input: Parameters<World['input']>[0]): void {
    const { context, state, nowMs } = this.world;
    if (input.kind === 'message') context.observe(state, input.message, nowMs);
    this.world.given(...context.decide(state, input, nowMs));
  }

  private hear(message: Parameters<World['say']>[0]): void {
    this.decide({ kind: 'message', message });
  }

  private say(id: string, { zone, slots, memory }: Machine): void {
    const said = { slots, labels: { zone: zones[zone]!, name: id }, capacity: { memory_bytes: memory } };
    if (!this.realm.agents.has(id)) this.world.given(fact.agent(id, said));
    this.hear(connected(id, said));
  }

  private settle(): void {
    const { context } = this.world;
    for (let pass = 0; pass < 10_000; pass++) {
      const { state, nowMs } = this.world;
      const events = context.plan(state, nowMs, 1);
      if (events.length === 0 && state.open.size === 0) return this.insistNothingFits();
      for (const event of events) {
        if (event.type === 'task.leased') this.insistFirst(this.realm.tasks.get(event.data.task_id)!);
        this.world.given(event);
      }
    }
    throw new Error('The plan never falls quiet.');
  }

  private insistFirst(leased: Task): void {
    const rank = rankOf(leased, agingMs);
    const passed = this.startable().filter((task) => {
      const other = rankOf(task, agingMs);
      return other < rank || (other === rank && task.order < leased.order);
    });
    expect(passed.map(({ id }) => id)).toEqual([]);
  }

  private insistNothingFits(): void {
    expect(this.startable().map(({ id }) => id)).toEqual([]);
  }

  private startable(): Task[] {
    const { agents, concurrency, tenant } = this.realm;
    const running = this.tasks.filter(({ lease }) => lease).length;
    if (running >= (tenant.limits.max_running_tasks ?? Infinity)) return [];
    return this.tasks.filter(({ id, lease, cancel, readyAtMs, spec }) => {
      if (lease || cancel || readyAtMs > this.world.nowMs) return false;
      if (spec.concurrency && concurrency.isTaken(spec.concurrency)) return false;
      return [...agents.values()].some((agent) => couldStart(agent, id, spec));
    });
  }
}

function couldStart(
  agent: Agent,
  taskId: string,
  { agent_id, executor, selector, requests }: TaskSpec,
): boolean {
  if (agent_id !== undefined && agent_id !== agent.id) return false;
  if (!suits(agent, executor, selector)) return false;
  return agent.keptFor === taskId ? fitsKept(agent, requests) : fits(agent, requests);
}

describe('what agents with new room are given', () => {
  it('is the most urgent task that fits, and nothing that fits is left, however few are looked at in a row', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 7, 4_096),
        fc.array(machine, { minLength: 1, maxLength: 4 }),
        fc.array(step, { maxLength: 80, size: 'max' }),
        (looksInARow, machines, steps) => {
          const scene = new Scene(looksInARow, machines);
          for (const one of steps) scene.take(one);
        },
      ),
      { numRuns: 600 },
    );
  });
});

describe('a queue in which no task is like another', () => {
  const asks = {
    'concurrency key': (n: number) => ({ concurrency: { key: `k${n}`, max: 1, strategy: 'queue' as const } }),
    'key that takes turns': (n: number) => ({
      concurrency: { key: `k${n}`, max: 1, strategy: 'round-robin' as const },
    }),
    request: (n: number) => ({ requests: { memory_bytes: 100 + n } }),
  };

  it.each(Object.entries(asks))('is not looked through for each lease: a %s each', (_name, ask) => {
    const world = new World().given(fact.tenant('t', { limits }));
    for (const id of ['busy', 'idle']) {
      const said = { slots: 1, labels: { zone: id }, capacity: { memory_bytes: 1_000 } };
      world.given(fact.agent(id, said));
      world.say(connected(id, said));
    }
    const selector = [{ key: 'zone', op: 'in' as const, values: ['busy'] }];
    for (let n = 0; n < 200; n++) world.given(fact.queued(`t${n}`, { selector, ...ask(n) }));
    expect(world.settle()).toHaveLength(1);
    const isTaken = jest.spyOn(world.state.realms.get('t')!.concurrency, 'isTaken');
    const labels = jest.spyOn(world.state.realms.get('t')!.agents.get('idle')!.executors, 'includes');
    for (let n = 0; n < 20; n++) expect(world.say(result(`t${n}`, 'busy', ok))).toHaveLength(2);
    expect(isTaken.mock.calls.length).toBeLessThan(200);
    expect(labels.mock.calls.length).toBeLessThan(200);
  });
});
