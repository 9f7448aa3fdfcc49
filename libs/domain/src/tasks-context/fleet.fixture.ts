import { type TaskSpec } from '@fluxforge/events/catalogue';
import { makeTasksContext } from './context.js';
import { command, connected, fact, heartbeat, ok, policy, result, World } from './scenario.fixture.js';

const stepMs = 1_000;

/** How long a run takes is the number that its command is. */
export function lasts(ms: number, limitMs = ms): Partial<TaskSpec> {
  const times = { execution_timeout_ms: limitMs, kill_grace_ms: 0, delivery_timeout_ms: 0 };
  return { ...times, command: String(ms), output_limit_bytes: 0 };
}

/** One tenant's agents, which do what they are told: each run ends when it has taken as long as it takes. */
export class Fleet {
  readonly world: World;
  readonly leasedAtMs = new Map<string, number>();
  private made = 0;

  constructor(slots: readonly number[], oneIn: number, agingMs = policy.agingMs) {
    const limits = { max_queued_tasks: 10_000, max_agents: 100, max_states: 10 };
    const keeping = { oneIn, atMost: 32 };
    this.world = new World(makeTasksContext({ ...policy, keeping, agingMs })).given(
      fact.tenant('t', { limits }),
    );
    slots.forEach((each, i) => this.join(`a${i}`, each));
  }

  get realm() {
    return this.world.state.realms.get('t')!;
  }

  /** By agent, in the order of their names; those that are kept for none left out. */
  get kept(): Record<string, string> {
    const agents = [...this.realm.agents.values()].filter(({ keptFor }) => keptFor !== null);
    return Object.fromEntries(agents.map(({ id, keptFor }) => [id, keptFor!]));
  }

  join(agentId: string, slots: number): void {
    this.world.given(fact.agent(agentId, { slots }));
    this.world.say(connected(agentId, { slots }));
  }

  queue(id: string, over: Partial<TaskSpec>): void {
    this.world.given(fact.queued(id, over));
  }

  drain(agentId: string): void {
    this.world.input(command('agent.drain', { agent_id: agentId, drain: true }));
  }

  /** As many small tasks wait as there are slots, which `each` is asked about. */
  topUp(each: (n: number) => Partial<TaskSpec>): void {
    let slots = 0;
    for (const agent of this.realm.agents.values()) slots += agent.slots;
    const small = [...this.realm.tasks.values()].filter((one) => !one.lease && !one.spec.requests).length;
    for (let i = small; i < slots; i++) this.queue(`s${this.made}`, each(this.made++));
  }

  step(): void {
    const { world } = this;
    this.settle();
    world.nowMs += stepMs;
    for (const { id, leases, session } of this.realm.agents.values()) {
      if (session === null) continue;
      const refs = [...leases].map((taskId) => ({ taskId, life: 1, attempt: 1 }));
      world.say(heartbeat(id, world.nowMs, refs));
    }
    for (const { id, lease, spec } of [...this.realm.tasks.values()]) {
      if (!lease || world.nowMs < lease.leasedAtMs + Number(spec.command)) continue;
      world.say(result(id, lease.agentId, ok));
    }
    this.settle();
  }

  run(steps: number, each?: (n: number) => Partial<TaskSpec>): void {
    for (let i = 0; i < steps; i++) {
      if (each) this.topUp(each);
      this.step();
    }
  }

  /** One pass looks for one agent. */
  private settle(): void {
    for (let i = 0; i < 4; i++) this.world.settle();
    for (const { id, lease } of this.realm.tasks.values()) {
      if (lease && !this.leasedAtMs.has(id)) this.leasedAtMs.set(id, lease.leasedAtMs);
    }
  }
}
