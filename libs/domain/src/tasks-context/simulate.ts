import {
  type Command,
  type Decided,
  type Limits,
  type Mode,
  type ReasonCode,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { decide, type Own } from './decide.js';
import { evolve } from './evolve.js';
import { plan } from './plan.js';
import { type TasksPolicy } from './policy.js';
import { copiedAtOnce, copyRealm } from './copy.js';
import { type TasksState } from './state.js';
import { WaitingRules } from './waiting-rules.js';

/** What is to be different. */
export interface Changes {
  readonly limits?: Partial<Limits>;
  readonly mode?: Mode;
  readonly drain: readonly string[];
  readonly undrain: readonly string[];
  readonly tasks: readonly { readonly spec: TaskSpec; readonly count: number }[];
}

export interface Simulated {
  /** Ids of the added tasks are made here: `added-1` and on. */
  readonly admitted: number;
  readonly rejected: readonly { readonly taskId: string; readonly reason: ReasonCode }[];
  /** Leases that would be given at once, added tasks or others. */
  readonly placed: readonly { readonly taskId: string; readonly agentId: string }[];
  /** Added tasks that would wait, and for what. */
  readonly delayed: readonly { readonly taskId: string; readonly rule: ReasonCode }[];
  /** Of the others, those that would wait for something else than now. Null: it does not wait now. */
  readonly changed: readonly {
    readonly taskId: string;
    readonly before: ReasonCode | null;
    readonly after: ReasonCode;
  }[];
  /** So many more; `simulationBounds.listed` are named. */
  readonly changedMore: number;
  /** Runs on agents that are to be drained: they stay where they are, and the drain is done when they have ended. */
  readonly waitedFor: readonly { readonly taskId: string; readonly agentId: string }[];
  readonly waitedForMore: number;
  readonly ended: readonly { readonly taskId: string; readonly reason: ReasonCode }[];
  readonly agentsUnknown: readonly string[];
  /** False: there were more added tasks, or would have been more decisions, than `simulationBounds` has room for. */
  readonly complete: boolean;
}

export const simulationBounds = {
  /** Tasks, agents and ended members of live fan-outs in all: what of them moves is read in one piece. */
  tenantSize: 20_000,
  added: 1_000,
  decisions: 2_000,
  listed: 1_000,
} as const;

export type SimulationEnd = Simulated | 'unknown_tenant' | 'too_large';

/**
 * The scheduler itself, run on a copy of one tenant with some things changed: one pass at `nowMs`, no clock moving on.
 * Writes nothing. A generator, so that who runs it can let other work in between steps.
 */
export function* simulate(
  state: TasksState,
  policy: TasksPolicy,
  tenantId: string,
  changes: Changes,
  nowMs: number,
): Generator<void, SimulationEnd> {
  const realm = state.realms.get(tenantId);
  if (realm && copiedAtOnce(realm) > simulationBounds.tenantSize) return 'too_large';
  const copy = yield* copyRealm(state, policy, tenantId);
  if (!copy) return 'unknown_tenant';
  const run = new Run(copy, policy, tenantId, Math.max(nowMs, copy.lastFactMs));
  yield;
  const before = new Map<string, ReasonCode>();
  for (const [taskId, rule] of run.rules()) {
    before.set(taskId, rule);
    yield;
  }
  run.change(changes);
  for (const spec of specsOf(changes)) {
    run.submit(spec);
    yield;
  }
  let complete = false;
  for (let i = 0; i < simulationBounds.decisions; i++) {
    complete = !run.step();
    if (complete) break;
    yield;
  }
  for (const [taskId, rule] of run.rules()) {
    run.compare(taskId, before.get(taskId) ?? null, rule);
    yield;
  }
  run.listRuns(changes.drain);
  const asked = changes.tasks.reduce((sum, { count }) => sum + count, 0);
  return { ...run.result(), complete: complete && asked <= simulationBounds.added };
}

function* specsOf({ tasks }: Changes): Iterable<TaskSpec> {
  let added = 0;
  for (const { spec, count } of tasks) {
    for (let i = 0; i < count && added < simulationBounds.added; i++, added++) yield spec;
  }
}

class Run {
  private readonly addedIds = new Set<string>();
  private readonly rejected: { taskId: string; reason: ReasonCode }[] = [];
  private readonly placed: { taskId: string; agentId: string }[] = [];
  private readonly delayed: { taskId: string; rule: ReasonCode }[] = [];
  private readonly changed: { taskId: string; before: ReasonCode | null; after: ReasonCode }[] = [];
  private changedMore = 0;
  private readonly waitedFor: { taskId: string; agentId: string }[] = [];
  private waitedForMore = 0;
  private readonly ended: { taskId: string; reason: ReasonCode }[] = [];
  private readonly agentsUnknown: string[] = [];
  private facts = 0;

  constructor(
    private readonly state: TasksState,
    private readonly policy: TasksPolicy,
    private readonly tenantId: string,
    private readonly nowMs: number,
  ) {}

  change({ limits, mode, drain, undrain }: Changes): void {
    const { tenant, agents } = this.state.realms.get(this.tenantId)!;
    const id = this.tenantId;
    if (limits) this.take(decided('tenant.limits-set', id, id, { limits: { ...tenant.limits, ...limits } }));
    if (mode) this.take(decided('tenant.mode-set', id, id, { mode, reason: 'operator' }));
    for (const agentId of [...drain, ...undrain]) {
      const data = { agent_id: agentId, drain: drain.includes(agentId) };
      if (agents.has(agentId)) this.take(decided('agent.drain-set', id, agentId, data));
      else this.agentsUnknown.push(agentId);
    }
  }

  submit(spec: TaskSpec): void {
    const taskId = `added-${this.addedIds.size + 1}`;
    this.addedIds.add(taskId);
    const provenance = {
      actor: 'simulation',
      reason: null,
      causationId: '',
      correlationId: '',
      traceparent: null,
    };
    const data = { task_id: taskId, spec };
    const command = { type: 'task.submit', data, id: taskId, tenantId: this.tenantId, provenance } as Command;
    for (const event of decide(this.state, this.policy, { kind: 'command', command }, this.nowMs))
      this.take(event);
  }

  /** False when nothing is left to decide. */
  step(): boolean {
    const events = plan(this.state, this.policy, this.nowMs, 1);
    for (const event of events) this.take(event);
    return events.length > 0;
  }

  /** Of each task that waits, what for. */
  *rules(): Iterable<[string, ReasonCode]> {
    const realm = this.state.realms.get(this.tenantId)!;
    const rules = new WaitingRules(this.state, realm, this.nowMs);
    for (const task of realm.tasks.values()) if (!task.lease) yield [task.id, rules.of(task)];
  }

  compare(taskId: string, before: ReasonCode | null, after: ReasonCode): void {
    if (this.addedIds.has(taskId)) this.delayed.push({ taskId, rule: after });
    else if (after === before) return;
    else if (this.changed.length < simulationBounds.listed) this.changed.push({ taskId, before, after });
    else this.changedMore += 1;
  }

  listRuns(agentIds: readonly string[]): void {
    const { agents } = this.state.realms.get(this.tenantId)!;
    for (const agentId of new Set(agentIds)) {
      for (const taskId of agents.get(agentId)?.leases ?? []) {
        if (this.waitedFor.length < simulationBounds.listed) this.waitedFor.push({ taskId, agentId });
        else this.waitedForMore += 1;
      }
    }
  }

  result(): Omit<Simulated, 'complete'> {
    const { rejected, placed, delayed, changed, changedMore, waitedFor, waitedForMore } = this;
    const { ended, agentsUnknown, addedIds } = this;
    const admitted = addedIds.size - rejected.length;
    const existing = { changed, changedMore, waitedFor, waitedForMore };
    return { admitted, rejected, placed, delayed, ...existing, ended, agentsUnknown };
  }

  private take(event: Decided<Own>): void {
    evolve(this.state, this.policy, { ...event, id: `s${++this.facts}`, timeMs: this.nowMs });
    if (event.type === 'task.rejected') {
      this.rejected.push({ taskId: event.data.task_id, reason: event.data.reason });
    } else if (event.type === 'task.leased') {
      this.placed.push({ taskId: event.data.task_id, agentId: event.data.agent_id });
    } else if (event.type === 'task.ended') {
      this.ended.push({ taskId: event.data.task_id, reason: event.data.reason });
    }
  }
}
