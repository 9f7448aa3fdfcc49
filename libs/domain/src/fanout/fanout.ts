import {
  type EventData,
  type FanoutMemberEnd,
  type FanoutSpec,
  type TaskEnd,
} from '@fluxforge/events/catalogue';
import { allowance, hashHex } from '@fluxforge/domain/kernel';
import { type Keyed } from '@fluxforge/domain/task';

/**
 * One submission to many agents.
 *
 *   started -- a task per member, in the order of the list --> ended
 *   started --cancelled--> what lives is cancelled --> ended
 *
 * It starts nothing more once it is cancelled or more members than `max_failures` came out badly; it ends when
 * nothing of it lives and nothing more is to be started. Its members never change, whoever joins or is
 * relabelled. A member is started once at most; one that is passed over, or left when it ends, was not started.
 */
export interface Fanout {
  readonly id: string;
  readonly tenantId: string;
  readonly order: number;
  readonly startedAtMs: number;
  readonly spec: FanoutSpec;
  readonly members: readonly string[];
  readonly keyed: Keyed | null;
  cancelled: boolean;
  /** Members before this one were started or passed over. */
  next: number;
  /** By member; a hole is one that lives, was passed over or has not had its turn. */
  readonly ends: Map<number, FanoutMemberEnd>;
  /** Members that ended `failed` or `unknown`. */
  bad: number;
  /** Derived: its tasks that have not ended, with the place of their member. */
  readonly live: Map<string, number>;
  /** Derived: those of them that nobody has cancelled yet. */
  readonly standing: Set<string>;
}

/** What is remembered of one that ended, for a while, so that it can be retried. One that was rejected has no spec. */
export interface EndedFanout {
  readonly id: string;
  readonly tenantId: string;
  readonly spec: FanoutSpec | null;
  /** The same as the end for one that was rejected. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly members: readonly { readonly agent_id: string; readonly end: FanoutMemberEnd }[];
  readonly keyed: Keyed | null;
}

export interface FanoutBook {
  /** Of its tenant. */
  readonly order: number;
  readonly live: Map<string, Fanout>;
  /** These three are kept by `EndedFanouts`. In the order of their ends. */
  readonly ended: Map<string, EndedFanout>;
  readonly rejected: Map<string, EndedFanout>;
  endedBytes: number;
  /** Derived: those whose next task is not let in now; any fact that may change that brings them back. */
  readonly held: Set<Fanout>;
}

export function newFanoutBook(order: number): FanoutBook {
  return {
    order,
    live: new Map(),
    ended: new Map(),
    rejected: new Map(),
    endedBytes: 0,
    held: new Set(),
  };
}

export function endedOf({ ended, rejected }: FanoutBook, id: string): EndedFanout | undefined {
  return ended.get(id) ?? rejected.get(id);
}

export function newFanout(
  data: EventData<'fanout.started'>,
  tenantId: string,
  order: number,
  startedAtMs: number,
): Fanout {
  return {
    id: data.fanout_id,
    tenantId,
    order,
    startedAtMs,
    spec: data.spec,
    members: data.members,
    keyed: data.keyed ?? null,
    cancelled: false,
    next: 0,
    ends: new Map(),
    bad: 0,
    live: new Map(),
    standing: new Set(),
  };
}

/** Leaves room for a place behind it within the longest id. */
const longestPrefix = 120;

function prefixOf(fanoutId: string): string {
  return fanoutId.length <= longestPrefix ? `${fanoutId}.` : `fan-${hashHex(fanoutId)}.`;
}

export function childTaskId(fanoutId: string, place: number): string {
  return `${prefixOf(fanoutId)}${place}`;
}

/** The place of a task's member, or -1. */
export function placeOf(fanout: Fanout, taskId: string): number {
  const place = Number(taskId.slice(prefixOf(fanout.id).length));
  const fits = Number.isInteger(place) && place >= 0 && place < fanout.members.length;
  return fits && childTaskId(fanout.id, place) === taskId ? place : -1;
}

/** At least one at a time: a budget of none would be a fan-out that never ends. */
function maxLive({ spec, members }: Fanout): number {
  return Math.max(1, allowance(spec.max_concurrency, members.length));
}

export function isSpent({ spec, members, bad }: Fanout): boolean {
  return bad > allowance(spec.max_failures, members.length);
}

/** Nothing more of it is to be started. */
export function isClosed(fanout: Fanout): boolean {
  return fanout.cancelled || isSpent(fanout) || fanout.next >= fanout.members.length;
}

export function hasWork(fanout: Fanout): boolean {
  if (fanout.cancelled && fanout.standing.size > 0) return true;
  return isClosed(fanout) ? fanout.live.size === 0 : fanout.live.size < maxLive(fanout);
}

/** Ends that a task can come to without a run. */
const neverStarts: ReadonlySet<TaskEnd> = new Set(['cancelled', 'expired', 'delivery_timed_out', 'rejected']);

/**
 * How a member came out by the end of its task. Nobody can say what a lost run did. One that ended before any attempt
 * (cancelled, its agent removed, or its time over before an agent took it) was not started; all else failed.
 */
export function memberEnd(end: TaskEnd, attemptsUsed: number): FanoutMemberEnd {
  if (end === 'succeeded') return 'succeeded';
  if (end === 'lost') return 'unknown';
  return neverStarts.has(end) && attemptsUsed === 0 ? 'not_started' : 'failed';
}
