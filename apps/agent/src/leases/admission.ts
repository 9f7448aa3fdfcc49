import { type Lease, type LeaseKey, Refusal, leaseKeyText } from '@fluxforge/agent-protocol';
import { type Executor } from '../executors/index.js';
import { type HeldEntry, isOlder } from '../journal/index.js';

/** What the agent looks at when a lease arrives. */
export interface AdmissionView {
  draining: boolean;
  hasRoom: boolean;
  slots: number;
  occupied: number;
  held: HeldEntry | undefined;
  /** The newest attempt of the same task that is held here or was lately, whatever its state. */
  newest: { life: number; attempt: number; isActive: boolean } | undefined;
  executor: Executor | undefined;
  wallMs: number;
  isOutOfTime: boolean;
}

export type Admission =
  | { kind: 'run' }
  | { kind: 'repeat_acceptance' }
  | { kind: 'repeat_result' }
  | { kind: 'out_of_time' }
  | { kind: 'refuse'; why: Refusal; detail?: string };

const MAX_TASK_ID_CHARS = 256;

/** Pure. Duplicates first: they must be answered alike, however full or old the agent is. */
export function admit(lease: Lease & { key: LeaseKey }, view: AdmissionView): Admission {
  if (view.held !== undefined) {
    return view.held.stage === 'ended' ? { kind: 'repeat_result' } : { kind: 'repeat_acceptance' };
  }
  const { taskId } = lease.key;
  if (taskId === '' || taskId.length > MAX_TASK_ID_CHARS) return refuse(Refusal.INVALID, 'task id');
  if (view.newest !== undefined) {
    if (isOlder(lease.key, view.newest)) return refuse(Refusal.OLD_ATTEMPT);
    if (!isOlder(view.newest, lease.key)) return refuse(Refusal.ALREADY_ENDED);
  }
  if (view.draining) return refuse(Refusal.DRAINING);
  if (view.executor === undefined) return refuse(Refusal.UNKNOWN_EXECUTOR, lease.executor);
  const problem = view.executor.problemWith(lease);
  if (problem !== undefined) return refuse(Refusal.INVALID, problem);
  if (isPast(lease.notAfterMs, view.wallMs)) return refuse(Refusal.NOT_AFTER_PASSED);
  if (view.isOutOfTime) return { kind: 'out_of_time' };
  // A newer attempt takes over the slot of the one that it replaces.
  const inherited = view.newest?.isActive === true ? 1 : 0;
  if (view.occupied - inherited >= view.slots) return refuse(Refusal.NO_SLOT);
  if (!view.hasRoom) return refuse(Refusal.JOURNAL_FULL);
  return { kind: 'run' };
}

export function isPast(notAfterMs: number, wallMs: number): boolean {
  return notAfterMs > 0 && wallMs > notAfterMs;
}

/** Of the attempts of one task, the highest. */
export function newestOf(
  key: LeaseKey,
  held: Iterable<HeldEntry>,
  recent: ReadonlyMap<string, { life: number; attempt: number }>,
): AdmissionView['newest'] {
  const remembered = recent.get(key.taskId);
  let newest = remembered === undefined ? undefined : { ...remembered, isActive: false };
  for (const { key: other, stage } of held) {
    if (other.taskId !== key.taskId || leaseKeyText(other) === leaseKeyText(key)) continue;
    if (newest !== undefined && isOlder(other, newest)) continue;
    newest = { life: other.life, attempt: other.attempt, isActive: stage !== 'ended' };
  }
  return newest;
}

function refuse(why: Refusal, detail = ''): Admission {
  return { kind: 'refuse', why, detail };
}
