import { type OverloadPolicy, type PressureMessage } from '@fluxforge/domain/modes';
import { type TasksContext, type TasksState } from '@fluxforge/domain/tasks-context';
import { type Mode } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

type TasksFact = Parameters<TasksContext['evolve']>[1];
type OverloadSet = Extract<TasksFact, { type: 'cluster.mode-set' }>;

interface Sample {
  readonly atMs: number;
  readonly overload_queue: number;
  readonly overload_event_loop: number;
  readonly overload_commit_latency: number;
}

const reasons = ['overload_queue', 'overload_event_loop', 'overload_commit_latency'] as const;
type Reason = (typeof reasons)[number];

/** What one owner has measured since it took over, as a list; what it calls for is read off the list's end. */
class Owner {
  private mode: Mode;
  /** Null until it leads: what it folds before is a former owner's doing. */
  private samples: Sample[] | null = null;
  private entering: readonly Reason[] = [];
  private isLeaving = false;

  constructor(
    state: TasksState,
    private readonly policy: OverloadPolicy,
    private readonly counters: Counters,
  ) {
    this.mode = state.cluster.modes.overload.mode;
  }

  leads(): void {
    this.samples = [];
  }

  measure(state: TasksState, { eventLoopDelayMs, commitLatencyMs }: PressureMessage, atMs: number): void {
    this.samples ??= [];
    this.samples.push({
      atMs,
      overload_queue: waiting(state),
      overload_event_loop: eventLoopDelayMs,
      overload_commit_latency: commitLatencyMs,
    });
    const { enterAfterMs, leaveAfterMs } = this.policy;
    const lasts = (holds: (sample: Sample) => boolean, ms: number) => this.lastsMs(holds) >= ms;
    this.entering = reasons.filter((one) => lasts((s) => s[one] > this.marksOf(one).high, enterAfterMs));
    this.isLeaving = lasts((s) => reasons.every((one) => s[one] < this.marksOf(one).low), leaveAfterMs);
  }

  fold({ data }: OverloadSet): void {
    insist(data.mode !== this.mode, 'overload', () => `${data.mode} is set, and was already`);
    this.mode = data.mode;
    if (!this.samples) return;
    if (data.mode === 'normal') {
      insist(this.isLeaving, 'overload', () => `left too early, after ${this.told()}`);
      insist(data.reason === 'overload_over', 'overload', () => `left for ${data.reason}`);
      return this.counters.add('overload left');
    }
    insist(data.mode === 'degraded', 'overload', () => `overload never calls for ${data.mode}`);
    const isDue = this.entering.some((one) => one === data.reason);
    insist(isDue, 'overload', () => `entered by ${data.reason} too early, after ${this.told()}`);
    this.counters.add('overload entered');
    if (data.reason === 'overload_queue') this.counters.add('overload by the queue');
  }

  /** Nothing is left to decide. */
  rests(): void {
    const isLate = this.mode === 'normal' ? this.entering.length > 0 : this.isLeaving;
    insist(!isLate, 'overload', () => `still ${this.mode}, after ${this.told()}`);
  }

  private marksOf(reason: Reason) {
    const { queued, eventLoopDelayMs, commitLatencyMs } = this.policy;
    if (reason === 'overload_queue') return queued;
    return reason === 'overload_event_loop' ? eventLoopDelayMs : commitLatencyMs;
  }

  /** From the first to the last of those at the end of which this holds without a break; -1: not of the last one. */
  private lastsMs(holds: (sample: Sample) => boolean): number {
    const samples = this.samples ?? [];
    const broken = samples.findLastIndex((sample) => !holds(sample));
    const [first, last] = [samples[broken + 1], samples.at(-1)];
    return first && last ? last.atMs - first.atMs : -1;
  }

  private told(): string {
    return JSON.stringify((this.samples ?? []).slice(-12).map(Object.values));
  }
}

function waiting({ realms }: TasksState): number {
  let count = 0;
  for (const { tasks } of realms.values()) for (const { lease } of tasks.values()) if (!lease) count += 1;
  return count;
}

/** The context as hosts run it: by itself a partition degrades and returns when its measures say so, then and only then. */
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
