import {
  type Batch,
  type EventData,
  type Origin,
  type ReasonCode,
  type TaskEnd,
  type TaskKind,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type Measured } from './shared-specs.js';

export interface Keyed {
  readonly key_hash: string;
  readonly body_hash: string;
}

/** The one live lease of a task. */
export interface Lease {
  readonly agentId: string;
  readonly attempt: number;
  readonly leasedAtMs: number;
  readonly leaseMs: number;
  /** The failure domain in which its agent was then; null: in none. */
  readonly domain: string | null;
  /** What its tenant was charged in advance for its time. */
  readonly estimateMs: number;
  startedAtMs: number | null;
  /** The run is to stop here and go on elsewhere. */
  isMoving: boolean;
  /** Momentary: the last time the agent was heard to hold it. Grants are not events. */
  renewedAtMs: number;
  /** Momentary: when the agent was first heard to hold it; null: not yet by this owner. */
  heldSinceMs: number | null;
}

/** Where the scheduler keeps a queued task: derived, in no snapshot, and only the scheduler's to touch. */
export interface Seats {
  /** The lane of a placement group in which it is ready, as far as others may look into it. */
  lane: { readonly group: { readonly blocked: boolean }; readonly parkedAt: string | null } | null;
  /** Its place in the heap of that lane, and in that of the deadlines; minus one: it is not there. */
  readySeat: number;
  deadlineSeat: number;
}

/**
 * A task that has not ended:
 *
 *   queued --leased--> leased --attempt ended--> queued ... --ended--> (an EndedTask)
 *
 * A queued one is in exactly one place: waiting (not before `readyAtMs`), ready in its placement group, or
 * doomed (pinned to an agent that is gone). A cancel of a leased one, or a move, is only a request: the end of
 * the attempt decides.
 */
export interface Task extends Seats {
  readonly id: string;
  readonly tenantId: string;
  readonly life: number;
  readonly kind: TaskKind;
  readonly spec: TaskSpec;
  /** Of its spec as JSON: derived, and in no snapshot. */
  readonly specBytes: number;
  readonly origin: Origin | null;
  readonly batch: Batch | null;
  readonly keyed: Keyed | null;
  readonly traceparent: string | null;
  /** Rises with each task of the partition: first come, first served where all else is equal. */
  readonly order: number;
  readyAtMs: number;
  /** From where the delivery timeout counts. */
  deliverFromMs: number;
  /** Attempts get numbers once and for all within a life; this is the highest given. */
  attemptsUsed: number;
  /** Attempts that the task lost through no fault of its own, by a move: they do not count against its limit. */
  forgivenAttempts: number;
  /** Its last lease ran out, and nobody knows what became of the run. */
  isOrphaned: boolean;
  /** The last attempt that ended by a report of its agent; its duplicates are not news. 0: none. */
  reportedAttempt: number;
  /** An apply that must have its agent to itself, as far as other applies go. */
  readonly exclusive: boolean;
  cancel: { readonly reason: ReasonCode; readonly message: string | null } | null;
  lease: Lease | null;
}

/** What is remembered of a task after its end, for a while: enough to answer those who come late. */
export interface EndedTask {
  readonly id: string;
  readonly tenantId: string;
  readonly life: number;
  readonly end: TaskEnd;
  readonly reason: ReasonCode;
  readonly endedAtMs: number;
  readonly attemptsUsed: number;
  readonly reportedAttempt: number;
}

export function newTask(
  data: EventData<'task.queued'>,
  { spec, bytes }: Measured,
  tenantId: string,
  order: number,
  timeMs: number,
): Task {
  const readyAtMs = Math.max(timeMs, spec.not_before_ms ?? 0);
  return {
    // Together what heaps of millions look at, task by task: so it takes them one look into memory less.
    // `copyTask` has the same order: objects with other orders are other kinds of objects to the engine.
    spec,
    order,
    readyAtMs,
    deliverFromMs: readyAtMs,
    lane: null,
    readySeat: -1,
    deadlineSeat: -1,
    id: data.task_id,
    tenantId,
    life: data.life,
    kind: data.kind,
    specBytes: bytes,
    origin: data.origin ?? null,
    batch: data.batch ?? null,
    keyed: data.keyed ?? null,
    traceparent: data.traceparent ?? null,
    attemptsUsed: 0,
    forgivenAttempts: 0,
    isOrphaned: false,
    reportedAttempt: 0,
    exclusive: data.kind === 'reconciliation' && data.exclusive !== false,
    cancel: null,
    lease: null,
  };
}

/** The same task by itself, with no place yet: what becomes of the one does not reach the other. */
export function copyTask(task: Omit<Task, keyof Seats>): Task {
  return {
    spec: task.spec,
    order: task.order,
    readyAtMs: task.readyAtMs,
    deliverFromMs: task.deliverFromMs,
    lane: null,
    readySeat: -1,
    deadlineSeat: -1,
    id: task.id,
    tenantId: task.tenantId,
    life: task.life,
    kind: task.kind,
    specBytes: task.specBytes,
    origin: task.origin,
    batch: task.batch,
    keyed: task.keyed,
    traceparent: task.traceparent,
    attemptsUsed: task.attemptsUsed,
    forgivenAttempts: task.forgivenAttempts,
    isOrphaned: task.isOrphaned,
    reportedAttempt: task.reportedAttempt,
    exclusive: task.exclusive,
    cancel: task.cancel,
    lease: task.lease && { ...task.lease },
  };
}

/** When a queued task ends for want of a start. A delivery timeout of 0 is none. */
export function deadlineMs(task: Task): number {
  const { not_after_ms, delivery_timeout_ms } = task.spec;
  const delivery = delivery_timeout_ms > 0 ? task.deliverFromMs + delivery_timeout_ms : Infinity;
  return Math.min(not_after_ms ?? Infinity, delivery);
}

/** When its run is over at the latest, by its own time limit; infinity where it has none. */
export function runOverMs({ lease, spec }: Task): number {
  if (!lease || spec.execution_timeout_ms === 0) return Infinity;
  return (lease.startedAtMs ?? lease.leasedAtMs) + spec.execution_timeout_ms + spec.kill_grace_ms;
}
