import {
  type Command,
  type CommandData,
  type Decided,
  type EventData,
  type Fact,
  type StatesEventBody,
  type TasksCommandBody,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type AgentMessage, type HeldLease, type LeaseRef, type RunReport } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import { makeTasksContext, type TasksContext } from './context.js';
import { type Own } from './decide.js';
import { type TasksEffect } from './effects.js';
import { type TasksMessage } from './observe.js';
import { defaultTasksPolicy } from './policy.js';
import { type TasksState } from './state.js';

/** Means of the specs of this context: facts to begin with, inputs, and a host in miniature. */

export const policy = {
  ...defaultTasksPolicy,
  heartbeatMs: 2_000,
  leaseMs: 15_000,
  leaseMarginMs: 5_000,
  agentTtlMs: 10_000,
};

export const t0 = 1_000_000_000_000;
export const hash = (digit: string) => digit.repeat(64).slice(0, 64);

export function spec(over: Partial<TaskSpec> = {}): TaskSpec {
  return {
    labels: {},
    executor: 'shell',
    command: 'true',
    selector: [],
    priority: 5,
    delivery_timeout_ms: 600_000,
    execution_timeout_ms: 60_000,
    kill_grace_ms: 5_000,
    max_attempts: 3,
    backoff: { base_ms: 1_000, max_ms: 8_000 },
    output_limit_bytes: 1024,
    ...over,
  };
}

export const limits = { max_queued_tasks: 10, max_agents: 3, max_states: 10 };

/** Facts, short. The tenant is `t` unless told otherwise. */
export const fact = {
  tenant: (id = 't', over: Partial<EventData<'tenant.created'>> = {}) =>
    decided('tenant.created', id, id, { tenant_id: id, name: id, limits, ...over }),
  token: (over: Partial<EventData<'join-token.created'>> = {}, tenantId = 't') => {
    const data = { token_id: 'tok', token_hash: hash('a'), labels: { env: 'prod' }, ...over };
    return decided('join-token.created', tenantId, data.token_id, { expires_at_ms: t0 + 60_000, ...data });
  },
  agent: (id: string, over: Partial<EventData<'agent.enrolled'>> = {}, tenantId = 't') =>
    decided('agent.enrolled', tenantId, id, {
      agent_id: id,
      name: id,
      token_id: 'tok',
      credential_hash: hash('c'),
      token_labels: {},
      labels: {},
      slots: 2,
      executors: ['noop', 'shell'],
      agent_version: '1',
      ...over,
    }),
  found: (id: string, tenantId = 't') =>
    decided('agent.found', tenantId, id, { agent_id: id, reason: 'connected' }),
  lost: (id: string, tenantId = 't') =>
    decided('agent.lost', tenantId, id, { agent_id: id, reason: 'no_answer' }),
  queued: (
    id: string,
    over: Partial<TaskSpec> = {},
    rest: Partial<EventData<'task.queued'>> = {},
    tenantId = 't',
  ) =>
    decided('task.queued', tenantId, id, {
      task_id: id,
      life: 1,
      kind: 'adhoc',
      spec: spec(over),
      ...rest,
    }),
  leased: (id: string, agentId: string, attempt = 1, tenantId = 't') =>
    decided('task.leased', tenantId, id, {
      task_id: id,
      life: 1,
      attempt,
      agent_id: agentId,
      lease_ms: policy.leaseMs,
      decision: { waited_ms: 0, effective_priority: 5, candidates: 1 },
    }),
};

let commandsMade = 0;

export function command<T extends TasksCommandBody['type']>(
  type: T,
  data: CommandData<T>,
  tenantId = 't',
): { kind: 'command'; command: Command } {
  const provenance = {
    actor: 'key:k',
    reason: null,
    causationId: 'c',
    correlationId: 'c',
    traceparent: null,
  };
  const body = { type, data, id: `cmd-${++commandsMade}`, tenantId, provenance };
  return { kind: 'command', command: body as unknown as Command };
}

export function foreign(body: StatesEventBody, tenantId = 't') {
  const theFact = { ...body, tenantId, subject: 's', id: 'f', timeMs: t0 } as Fact<StatesEventBody>;
  return { kind: 'foreign' as const, fact: theFact };
}

export function message(one: TasksMessage) {
  return { kind: 'message' as const, message: one };
}

export function connected(
  agentId: string,
  over: Partial<Extract<AgentMessage, { kind: 'connected' }>> = {},
): AgentMessage {
  return {
    kind: 'connected',
    tenantId: 't',
    agentId,
    sessionId: `${agentId}-s1`,
    labels: {},
    slots: 2,
    executors: ['noop', 'shell'],
    agentVersion: '1',
    inventory: [],
    ...over,
  };
}

export function heartbeat(agentId: string, atMs: number, running: LeaseRef[] = []): AgentMessage {
  const from = { tenantId: 't', agentId, sessionId: `${agentId}-s1` };
  return { kind: 'heartbeat', ...from, answeredAtMs: atMs, freeSlots: 1, running };
}

export function result(taskId: string, agentId: string, run: RunReport, attempt = 1, life = 1): AgentMessage {
  return { kind: 'result', tenantId: 't', agentId, taskId, life, attempt, run };
}

export const ok: RunReport = { outcome: 'exited', exit_code: 0, started_at_ms: t0, duration_ms: 10 };
export const failed: RunReport = { outcome: 'exited', exit_code: 3, started_at_ms: t0, duration_ms: 10 };
export const held = (taskId: string, attempt = 1): HeldLease => ({
  taskId,
  life: 1,
  attempt,
  finished: false,
});

type Input = Parameters<TasksContext['decide']>[1];

/** The host in miniature: observes, decides, folds, plans until quiet, and keeps what went out. */
export class World {
  state: TasksState;
  nowMs = t0;
  readonly log: Fact<Own>[] = [];
  out: TasksEffect[] = [];

  constructor(readonly context: TasksContext = makeTasksContext(policy)) {
    this.state = context.initial(0);
    context.resume(this.state, this.nowMs);
  }

  given(...facts: Decided<Own>[]): this {
    for (const one of facts) this.append(one);
    return this;
  }

  /** What the input alone decides; then the state's own steps. All of it is folded. */
  input(input: Input): Decided<Own>[] {
    if (input.kind === 'message') this.context.observe(this.state, input.message, this.nowMs);
    const events = this.context.decide(this.state, input, this.nowMs);
    for (const one of events) this.append(one);
    return [...events, ...this.settle()];
  }

  say(one: TasksMessage): Decided<Own>[] {
    return this.input(message(one));
  }

  settle(): Decided<Own>[] {
    const all: Decided<Own>[] = [];
    for (let i = 0; ; i++) {
      if (i > 10_000) throw new Error('The plan never falls quiet.');
      const events = this.context.plan(this.state, this.nowMs, 100);
      if (events.length === 0) break;
      for (const one of events) all.push(this.append(one));
    }
    this.out.push(...this.context.pulse(this.state, this.nowMs));
    return all;
  }

  at(nowMs: number): Decided<Own>[] {
    this.nowMs = nowMs;
    return this.settle();
  }

  after(spanMs: number): Decided<Own>[] {
    return this.at(this.nowMs + spanMs);
  }

  /** A new owner: the state from the log alone. */
  takeOver(): void {
    this.state = this.context.initial(0);
    for (const one of this.log) this.context.evolve(this.state, one);
    this.out = this.context.resume(this.state, this.nowMs);
  }

  takeOut(kind: TasksEffect['kind']): TasksEffect[] {
    const taken = this.out.filter((effect) => effect.kind === kind);
    this.out = this.out.filter((effect) => effect.kind !== kind);
    return taken;
  }

  private append(one: Decided<Own>): Decided<Own> {
    const full = { ...one, id: `e${this.log.length}`, timeMs: this.nowMs } as Fact<Own>;
    this.log.push(full);
    this.context.evolve(this.state, full);
    this.out.push(...this.context.effects(this.state, full));
    return one;
  }
}

/** given(facts).when(input).then(events): one decision, judged by what it says and nothing else. */
export function given(...facts: Decided<Own>[]) {
  return {
    when(input: Input, nowMs = t0) {
      const world = new World().given(...facts);
      if (input.kind === 'message') world.context.observe(world.state, input.message, nowMs);
      const events = world.context.decide(world.state, input, nowMs);
      return {
        events,
        then(...expected: { type: Own['type']; data: object }[]) {
          expect(events).toMatchObject(expected);
          expect(events).toHaveLength(expected.length);
        },
      };
    },
  };
}

export const types = (events: readonly Decided<Own>[]) => events.map((event) => event.type);

/** A tenant with agents that are connected and found. */
export function worldWith(agents: readonly string[], over: Partial<EventData<'agent.enrolled'>> = {}): World {
  const world = new World().given(fact.tenant());
  for (const id of agents) {
    world.given(fact.agent(id, over));
    world.say(connected(id, { labels: over.labels ?? {}, slots: over.slots ?? 2 }));
  }
  world.out = [];
  return world;
}
