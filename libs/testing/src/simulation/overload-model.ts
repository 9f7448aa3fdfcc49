import { type OverloadPolicy, type PressureMessage } from '@fluxforge/domain/modes';
import { type TasksContext, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Mode } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

type TasksFact = Parameters<TasksContext['evolve']>[1];
type OverloadSet = Extract<TasksFact, { type: 'cluster.mode-set' | 'tenant.overload-set' }>;

const reasons = ['overload_queue', 'overload_event_loop', 'overload_commit_latency'] as const;
type Reason = (typeof reasons)[number];

interface Load {
  readonly queued: number;
  readonly weight: number;
}

interface Sample {
  readonly atMs: number;
  readonly depth: number;
  readonly tenants: ReadonlyMap<string, Load>;
  /** Of the partition; its queue without the tenants that are, or are due to be, degraded for their own. */
  readonly measured: Readonly<Record<Reason, number>>;
}

type Unmeasured = Omit<Sample, 'measured'>;

/** What one owner has measured since it took over, as a list; what it calls for is read off the list's end. */
class Owner {
  /** What overload called for so far; null: of the whole partition. */
  private readonly modes = new Map<string | null, Mode>();
  private readonly samples: Sample[] = [];
  /** What it folds before it leads is a former owner's doing. */
  private isLeading = false;
  private readonly entering = new Map<string | null, readonly Reason[]>();
  private readonly leaving = new Set<string | null>();

  constructor(
    state: TasksState,
    private readonly policy: OverloadPolicy,
    private readonly counters: Counters,
  ) {
    this.modes.set(null, state.cluster.modes.overload.mode);
    for (const { tenant } of state.realms.values()) this.modes.set(tenant.id, tenant.overload.mode);
  }

  leads(): void {
    this.isLeading = true;
  }

  measure(state: TasksState, { eventLoopDelayMs, commitLatencyMs }: PressureMessage, atMs: number): void {
    this.entering.clear();
    this.leaving.clear();
    const tenants = loadsOf(state);
    const depth = sum([...tenants.values()], ({ queued }) => queued);
    const all = [...this.samples, { atMs, depth, tenants }];
    for (const tenantId of tenants.keys()) this.judgeTenant(tenantId, all);
    const others = [...tenants].filter(([id]) => this.modeOf(id) === 'normal' && !this.entering.has(id));
    const measured = {
      overload_queue: sum(others, ([, { queued }]) => queued),
      overload_event_loop: eventLoopDelayMs,
      overload_commit_latency: commitLatencyMs,
    };
    this.samples.push({ atMs, depth, tenants, measured });
    this.judgePartition();
  }

  private judgeTenant(tenantId: string, all: readonly Unmeasured[]): void {
    const { queued: marks, enterAfterMs, leaveAfterMs } = this.policy;
    const isAbove = ({ depth, tenants }: Unmeasured) => {
      const { queued, share } = shareOf(tenants, tenantId);
      return depth > marks.high && queued > marks.high * share;
    };
    const isBelow = ({ depth, tenants }: Unmeasured) => {
      const { queued, share } = shareOf(tenants, tenantId);
      return depth < marks.low || queued < marks.low * share;
    };
    const isNormal = this.modeOf(tenantId) === 'normal';
    if (isNormal && lastsMs(all, isAbove) >= enterAfterMs) this.entering.set(tenantId, ['overload_queue']);
    if (!isNormal && lastsMs(all, isBelow) >= leaveAfterMs) this.leaving.add(tenantId);
  }

  private judgePartition(): void {
    const { enterAfterMs, leaveAfterMs } = this.policy;
    const lasts = (holds: (measured: Sample['measured']) => boolean) =>
      lastsMs(this.samples, ({ measured }) => holds(measured));
    const due = reasons.filter((one) => lasts((of) => of[one] > this.marksOf(one).high) >= enterAfterMs);
    if (due.length > 0) this.entering.set(null, due);
    const calmMs = lasts((of) => reasons.every((one) => of[one] < this.marksOf(one).low));
    if (calmMs >= leaveAfterMs) this.leaving.add(null);
  }

  fold({ type, tenantId, data }: OverloadSet): void {
    const whose = type === 'tenant.overload-set' ? tenantId : null;
    const what = `overload of ${whose ?? 'all'}`;
    insist(data.mode !== this.modeOf(whose), 'overload', () => `${what}: ${data.mode} is set again`);
    this.modes.set(whose, data.mode);
    if (!this.isLeading) return;
    if (data.mode === 'normal') {
      insist(this.leaving.has(whose), 'overload', () => `${what} left too early, after ${this.told()}`);
      insist(data.reason === 'overload_over', 'overload', () => `${what} left for ${data.reason}`);
      return this.counters.add(whose === null ? 'overload left' : 'tenant overload left');
    }
    insist(data.mode === 'degraded', 'overload', () => `${what} never calls for ${data.mode}`);
    const isDue = this.entering.get(whose)?.some((one) => one === data.reason) === true;
    insist(isDue, 'overload', () => `${what} by ${data.reason} too early, after ${this.told()}`);
    this.counters.add(whose === null ? 'overload entered' : 'tenant overload entered');
  }

  /** Nothing is left to decide. */
  rests(): void {
    for (const whose of [...this.entering.keys(), ...this.leaving]) {
      const mode = this.modeOf(whose);
      const isLate = mode === 'normal' ? this.entering.has(whose) : this.leaving.has(whose);
      insist(!isLate, 'overload', () => `${whose ?? 'all'} still ${mode}, after ${this.told()}`);
    }
  }

  private modeOf(whose: string | null): Mode {
    return this.modes.get(whose) ?? 'normal';
  }

  private marksOf(reason: Reason) {
    const { queued, eventLoopDelayMs, commitLatencyMs } = this.policy;
    if (reason === 'overload_queue') return queued;
    return reason === 'overload_event_loop' ? eventLoopDelayMs : commitLatencyMs;
  }

  private told(): string {
    const tell = ({ atMs, tenants, measured }: Sample) => ({ atMs, measured, tenants: [...tenants] });
    return JSON.stringify(this.samples.slice(-12).map(tell));
  }
}

/** From the first to the last of those at the end of which this holds without a break; -1: not of the last one. */
function lastsMs<T extends { readonly atMs: number }>(all: readonly T[], holds: (one: T) => boolean): number {
  const broken = all.findLastIndex((one) => !holds(one));
  const [first, last] = [all[broken + 1], all.at(-1)];
  return first && last ? last.atMs - first.atMs : -1;
}

/** Among those that have something queued. */
function shareOf(tenants: Sample['tenants'], tenantId: string) {
  const { queued = 0, weight = 1 } = tenants.get(tenantId) ?? {};
  const active = [...tenants].filter(([id, load]) => load.queued > 0 || id === tenantId);
  return { queued, share: weight / sum(active, ([, load]) => load.weight) };
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

function loadsOf({ realms }: TasksState): Map<string, Load> {
  const loads = new Map<string, Load>();
  for (const { tenant, tasks } of realms.values()) {
    const queued = [...tasks.values()].filter(({ lease }) => !lease).length;
    loads.set(tenant.id, { queued, weight: tenant.limits.weight ?? 1 });
  }
  return loads;
}

/** The context as hosts run it: a tenant and a partition degrade and return by themselves when their measures say so, then and only then. */
export function withOverload(context: TasksContext, counters: Counters): TasksContext {
  const known = new WeakMap<TasksState, Owner>();
  const ownerOf = (state: TasksState): Owner => {
    let owner = known.get(state);
    if (!owner) known.set(state, (owner = new Owner(state, context.policy.overload, counters)));
    return owner;
  };
  return {
    ...context,
    resume: (state, nowMs) => {
      ownerOf(state).leads();
      return context.resume(state, nowMs);
    },
    observe: (state, message, nowMs) => {
      if (message.kind === 'pressure') ownerOf(state).measure(state, message, nowMs);
      context.observe(state, message, nowMs);
    },
    evolve: (state, fact) => {
      const owner = ownerOf(state);
      if (fact.type === 'tenant.overload-set') owner.fold(fact);
      if (fact.type === 'cluster.mode-set' && fact.data.by === 'overload') owner.fold(fact);
      context.evolve(state, fact);
    },
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      if (events.length === 0 && room > 0) ownerOf(state).rests();
      return events;
    },
  };
}
