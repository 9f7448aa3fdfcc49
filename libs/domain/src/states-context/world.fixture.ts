import {
  type CheckResult,
  type CommandBody,
  type CommandData,
  type Decided,
  type EventData,
  type Fact,
  type JournalEventBody,
  type Labels,
  type StatesCommandBody,
  type StatesEventBody,
  type StateSpec,
  type TaskEnd,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { findTarget, roundOf, type StatesState, type Target } from '@fluxforge/domain/desired-state';
import { type RequestChecks } from '@fluxforge/domain/reconciling';
import { defaultStatesPolicy, makeStatesContext, type StatesContext, type StatesPolicy } from './context.js';

export type Own = StatesEventBody | JournalEventBody;
export type Event<T extends Own['type']> = Fact<Extract<Own, { type: T }>>;

export const acme = 'acme';
export const startMs = 1_000_000;

export function stateSpec(change: Partial<StateSpec> = {}): StateSpec {
  return {
    check_cmd: 'test -f /etc/motd',
    apply_cmd: 'touch /etc/motd',
    selector: [],
    interval_ms: 60_000,
    check_timeout_ms: 30_000,
    apply_timeout_ms: 600_000,
    mode: 'enforce',
    max_concurrency: { percent: 100 },
    max_failures: { percent: 100 },
    attempts: 3,
    backoff: { base_ms: 1_000, max_ms: 60_000 },
    priority: 4,
    ...change,
  };
}

/**
 * One partition of the states context as its host runs it, with everything around it in the hands of the
 * test: the clock, the tasks context, the agents.
 */
export class World {
  readonly context: StatesContext;
  state: StatesState;
  nowMs = startMs;
  /** Own and foreign facts in the order in which they were folded. */
  readonly log: ({ readonly own: Fact<Own> } | { readonly foreign: Fact<TasksEventBody> })[] = [];
  /** Requests that were pulsed and not taken by the test yet. */
  readonly requests: RequestChecks[] = [];
  private ids = 0;
  private takeovers = 0;

  constructor(policy: Partial<StatesPolicy> = {}) {
    this.context = makeStatesContext({ ...defaultStatesPolicy, ...policy });
    this.state = this.context.initial(0);
    this.context.resume(this.state, this.nowMs);
  }

  get facts(): Fact<Own>[] {
    return this.log.flatMap((entry) => ('own' in entry ? [entry.own] : []));
  }

  ofType<T extends Own['type']>(type: T): Event<T>[] {
    return this.facts.filter((fact): fact is Event<T> => fact.type === type);
  }

  command<T extends StatesCommandBody['type']>(
    type: T,
    data: CommandData<T>,
    tenantId = acme,
  ): Decided<Own>[] {
    const provenance = {
      actor: 'key:k',
      reason: null,
      causationId: 'c',
      correlationId: 'c',
      traceparent: null,
    };
    const body = { type, data } as unknown as CommandBody;
    const command = { ...body, id: `cmd-${++this.ids}`, tenantId, provenance };
    const decided = this.context.decide(this.state, { kind: 'command', command }, this.nowMs);
    this.append(decided);
    this.settle();
    return decided;
  }

  declare(id = 's1', spec: Partial<StateSpec> = {}, name = id): Decided<Own>[] {
    return this.command('state.declare', { state_id: id, name, labels: {}, spec: stateSpec(spec) });
  }

  update(id: string, spec: Partial<StateSpec>, ifVersion?: number): Decided<Own>[] {
    const version = ifVersion === undefined ? {} : { if_version: ifVersion };
    return this.command('state.update', {
      state_id: id,
      name: id,
      labels: {},
      spec: stateSpec(spec),
      ...version,
    });
  }

  foreign<T extends TasksEventBody['type']>(type: T, data: EventData<T>, tenantId = acme): void {
    const body = { type, data } as unknown as TasksEventBody;
    const fact = { ...body, tenantId, subject: 'x', id: `f-${++this.ids}`, timeMs: this.nowMs };
    this.log.push({ foreign: fact });
    this.context.evolveForeign(this.state, fact);
    this.append(this.context.decide(this.state, { kind: 'foreign', fact }, this.nowMs));
    this.settle();
  }

  enrol(agentId: string, labels: Labels = {}, found = true): void {
    this.foreign('agent.enrolled', {
      agent_id: agentId,
      name: agentId,
      token_id: 't',
      credential_hash: '0'.repeat(32),
      token_labels: {},
      labels,
      slots: 4,
      executors: ['shell'],
      agent_version: '1',
    });
    if (found) this.foreign('agent.found', { agent_id: agentId, reason: 'connected' });
  }

  lose(agentId: string): void {
    this.foreign('agent.lost', { agent_id: agentId, reason: 'no_answer' });
  }

  find(agentId: string): void {
    this.foreign('agent.found', { agent_id: agentId, reason: 'reconnected' });
  }

  relabel(agentId: string, labels: Labels): void {
    const data = { agent_id: agentId, labels, slots: 4, executors: ['shell' as const], agent_version: '1' };
    this.foreign('agent.changed', data);
  }

  endTask(request: EventData<'remediation.requested'>, end: TaskEnd): void {
    const { task_id: taskId, state_id, agent_id, generation, attempt } = request;
    const origin = { state_id, agent_id, generation, attempt };
    const reasons = { succeeded: 'exit_zero', expired: 'not_after_passed' } as const;
    const reason = end === 'succeeded' || end === 'expired' ? reasons[end] : 'exit_nonzero';
    this.foreign('task.ended', { task_id: taskId, life: 1, end, reason, attempts_used: 1, origin });
  }

  target(agentId = 'a1', stateId = 's1'): Target {
    const target = findTarget(this.state, acme, stateId, agentId);
    if (!target) throw new Error(`no target ${stateId}/${agentId}`);
    return target;
  }

  /** A check's result of the target's present round, unless the change says otherwise. */
  result(change: Partial<CheckResult> = {}, agentId = 'a1', stateId = 's1'): Decided<Own>[] {
    const target = findTarget(this.state, acme, stateId, agentId);
    const result: CheckResult = {
      state_id: stateId,
      generation: target?.state.generation ?? 1,
      round: target ? roundOf(target) : 1,
      outcome: 'exited',
      exit_code: 0,
      duration_ms: 5,
      ...change,
    };
    return this.message(agentId, result);
  }

  message(agentId: string, result: CheckResult): Decided<Own>[] {
    const message = { kind: 'check-result' as const, tenantId: acme, agentId, result };
    this.context.observe(this.state, message, this.nowMs);
    const decided = this.context.decide(this.state, { kind: 'message', message }, this.nowMs);
    this.append(decided);
    this.settle();
    return decided;
  }

  /** Moves the clock, stopping wherever the context wants to be woken. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let turns = 0; turns < 10_000; turns++) {
      const wakeMs = this.context.wakeAtMs(this.state) ?? Infinity;
      if (wakeMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.settle();
    }
    this.nowMs = untilMs;
    this.settle();
  }

  /** Plan to quiet, then pulse, as the host does at every turn. Returns what was planned. */
  settle(room = 500): Decided<Own>[] {
    const all: Decided<Own>[] = [];
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error('the plan does not come to rest');
      const planned = this.context.plan(this.state, this.nowMs, room);
      if (planned.length === 0) break;
      if (planned.length > room) throw new Error('more events than there is room for');
      this.append(planned);
      all.push(...planned);
    }
    this.requests.push(...this.context.pulse(this.state, this.nowMs));
    return all;
  }

  append(decided: readonly Decided<Own>[]): void {
    for (const event of decided) {
      const fact = { ...event, id: `e-${++this.ids}`, timeMs: this.nowMs };
      this.log.push({ own: fact });
      this.context.evolve(this.state, fact);
    }
  }

  /**
   * A new owner: everything momentary is lost. Own events are folded first, then the foreign view; every
   * other time all comes from a snapshot.
   */
  takeover(): void {
    this.state = this.rebuilt();
    this.takeovers += 1;
    if (this.takeovers % 2 === 0) {
      this.state = this.context.deserialize(this.context.serialize(this.state))!;
    }
    this.requests.length = 0;
    this.context.resume(this.state, this.nowMs);
    this.settle();
  }

  rebuilt(): StatesState {
    const state = this.context.initial(0);
    for (const entry of this.log) if ('own' in entry) this.context.evolve(state, entry.own);
    for (const entry of this.log) if ('foreign' in entry) this.context.evolveForeign(state, entry.foreign);
    return state;
  }

  /** The last request of the target; there must be one. */
  lastRequest(agentId = 'a1', stateId = 's1'): EventData<'remediation.requested'> {
    const found = this.ofType('remediation.requested')
      .map(({ data }) => data)
      .filter((data) => data.agent_id === agentId && data.state_id === stateId)
      .at(-1);
    if (!found) throw new Error(`nothing was requested for ${stateId}/${agentId}`);
    return found;
  }

  types(): string[] {
    return this.facts.map(({ type }) => type);
  }

  takeRequests(): RequestChecks[] {
    return this.requests.splice(0, this.requests.length);
  }
}
