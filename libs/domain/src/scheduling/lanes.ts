import { PriorityQueue, SeatedHeap } from '@fluxforge/domain/kernel';
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
  /** Its place in the `TurnLanes` of its group; minus one: it is not there. */
  turnSeat: number;
  /** That of its key when it was put in there last. */
  turn: number;
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
  return { ...laneOf(task), name, group, ready, parkedAt: null, turnSeat: -1, turn: 0 };
}

type AnyLane = TaskLane<unknown>;

/** Open lanes by their first task, the most urgent first. Most groups have one at most, and need no heap for it. */
export class OpenLanes<Lane extends AnyLane> {
  private only: Lane | undefined;
  /** All of them, once there have been several; until there is none. */
  private several: PriorityQueue<Lane> | null = null;

  get size(): number {
    return this.several ? this.several.size : this.only ? 1 : 0;
  }

  peek(): Lane | undefined {
    return this.several ? this.several.peek() : this.only;
  }

  /** Also when its first task is another one. */
  set(lane: Lane): void {
    if (!this.several) {
      if (!this.only || this.only === lane) {
        this.only = lane;
        return;
      }
      this.several = new PriorityQueue();
      this.several.set(this.only, this.only.ready.peekRank(), this.only.ready.peekTie());
    }
    this.several.set(lane, lane.ready.peekRank(), lane.ready.peekTie());
  }

  delete(lane: Lane): void {
    if (this.only === lane) this.only = undefined;
    if (!this.several) return;
    this.several.delete(lane);
    if (this.several.size === 0) this.several = null;
  }
}

/** Open lanes whose keys take turns, by a turn at or before that of the key; those of one key by their first task. */
export class TurnLanes<Lane extends AnyLane> extends SeatedHeap<Lane> {
  protected rankOf({ turn }: Lane): number {
    return turn;
  }

  protected tieOf({ ready }: Lane): number {
    return ready.peekTie();
  }

  protected override isBefore(a: Lane, b: Lane): boolean {
    return comesFirst(a, b);
  }

  protected seatOf({ turnSeat }: Lane): number {
    return turnSeat;
  }

  protected seat(lane: Lane, at: number): void {
    lane.turnSeat = at;
  }
}

export function comesFirst(a: AnyLane, b: AnyLane): boolean {
  if (a.turn !== b.turn) return a.turn < b.turn;
  const [rankA, rankB] = [a.ready.peekRank(), b.ready.peekRank()];
  return rankA < rankB || (rankA === rankB && a.ready.peekTie() < b.ready.peekTie());
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
