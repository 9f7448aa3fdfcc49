import { type Concurrency } from '@fluxforge/events/catalogue';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { SeatedHeap } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { type Lane } from './gates.js';
import { ReadyTasks } from './ready-tasks.js';

/**
 * The tasks of a placement group that wait at the same gates: where the first of them may not pass, none may.
 *
 *   open   -- a gate is closed to it --> parked
 *   parked -- that gate was opened --> open
 *
 * Lanes are apart from groups because there may be a key for each task: what fits nowhere is found out once, whatever
 * the number of its lanes.
 */
export interface TaskLane<Group> extends Lane {
  /** Unique in its group. */
  readonly name: string;
  readonly group: Group;
  readonly ready: ReadyTasks;
  /** The gate at which it waits, or null. Kept by `ParkedLanes`. */
  parkedAt: string | null;
  /** Its places in the two heaps of its group; minus one: it is not there. */
  openSeat: number;
  turnSeat: number;
}

export function laneOf(task: Task): Lane {
  return {
    concurrency: task.spec.concurrency ?? null,
    lockedAgentId: task.exclusive ? (task.spec.agent_id ?? null) : null,
    isOrphaned: task.isOrphaned,
  };
}

/** Empty for most tasks, so that the common case makes no new text. */
export function laneText(task: Task): string {
  const { concurrency } = task.spec;
  if (!concurrency && !task.exclusive && !task.isOrphaned) return '';
  const key = concurrency ? `${concurrency.strategy}/${concurrency.max}/${concurrency.key}` : '';
  return `${task.exclusive ? 'x' : ''}${task.isOrphaned ? 'o' : ''}\u0001${key}`;
}

export function newLane<Group>(group: Group, name: string, task: Task, agingMs: number): TaskLane<Group> {
  const ready = new ReadyTasks(agingMs);
  return { ...laneOf(task), name, group, ready, parkedAt: null, openSeat: -1, turnSeat: -1 };
}

type AnyLane = TaskLane<unknown>;

/** Open lanes by their first task, the most urgent first. A lane is put in anew when its first task is another one. */
export class OpenLanes<Lane extends AnyLane> extends SeatedHeap<Lane> {
  protected rankOf({ ready }: Lane): number {
    return ready.peekRank();
  }

  protected tieOf({ ready }: Lane): number {
    return ready.peekTie();
  }

  protected seatOf({ openSeat }: Lane): number {
    return openSeat;
  }

  protected seat(lane: Lane, at: number): void {
    lane.openSeat = at;
  }
}

/** Open lanes whose keys take turns, by a turn at or before that of the key; those of one key by their first task. */
export class TurnLanes<Lane extends AnyLane> extends SeatedHeap<Lane> {
  constructor(private readonly turnOf: (key: string) => number) {
    super();
  }

  protected rankOf({ concurrency }: Lane): number {
    return concurrency ? this.turnOf(concurrency.key) : Infinity;
  }

  protected tieOf({ ready }: Lane): number {
    return ready.peekTie();
  }

  protected override comesAfter(a: Lane, b: Lane): boolean {
    return isLater(a.ready, b.ready);
  }

  protected seatOf({ turnSeat }: Lane): number {
    return turnSeat;
  }

  protected seat(lane: Lane, at: number): void {
    lane.turnSeat = at;
  }
}

/** Whether the first of the one comes after the first of the other. */
export function isLater(a: ReadyTasks, b: ReadyTasks): boolean {
  const [rankA, rankB] = [a.peekRank(), b.peekRank()];
  return rankA > rankB || (rankA === rankB && a.peekTie() > b.peekTie());
}

/** Whether lanes with this key share one place in the order of their tenant. */
export function isInTurn(concurrency: Concurrency | null): boolean {
  return concurrency !== null && takesTurns(concurrency);
}

/** Lanes to which a gate is closed, by that gate. */
export class ParkedLanes<Lane extends AnyLane> {
  private readonly byGate = new Map<string, Set<Lane>>();

  add(lane: Lane, gate: string): void {
    lane.parkedAt = gate;
    const lanes = this.byGate.get(gate);
    if (lanes) lanes.add(lane);
    else this.byGate.set(gate, new Set([lane]));
  }

  delete(lane: Lane): void {
    if (lane.parkedAt === null) return;
    const lanes = this.byGate.get(lane.parkedAt);
    lanes?.delete(lane);
    if (lanes?.size === 0) this.byGate.delete(lane.parkedAt);
    lane.parkedAt = null;
  }

  at(gate: string): Lane[] {
    return [...(this.byGate.get(gate) ?? [])];
  }
}
