import { slotsOf } from '@fluxforge/domain/agent';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { nextHourMs, reservedBytes } from '@fluxforge/domain/quotas';
import { rankOf } from '@fluxforge/domain/scheduling';
import { type Task } from '@fluxforge/domain/task';
import { FirstTasks, NamedTasks } from './named-tasks.js';
import { type TasksPolicy } from './policy.js';
import { type Realm } from './state.js';

/** Tasks that are looked at in one step: far less than a slice. */
const lookedAtOnce = 500;

/** Some of the tasks in a line, and what they ask for in all. */
export class Stretch {
  readonly tasks = new NamedTasks();
  slots = 0;
  cpu_millis = 0;
  memory_bytes = 0;

  add(task: Task): void {
    const { requests } = task.spec;
    this.tasks.add(task.id);
    this.slots += slotsOf(requests);
    if (!requests) return;
    this.cpu_millis += requests.cpu_millis ?? 0;
    this.memory_bytes += requests.memory_bytes ?? 0;
  }

  addAll(other: Stretch): void {
    this.tasks.addAll(other.tasks);
    this.slots += other.slots;
    this.cpu_millis += other.cpu_millis;
    this.memory_bytes += other.memory_bytes;
  }
}

/** Who has what a task waits for, and who may have it first: what is behind it as well, where that one fits nowhere. */
export class Rivals {
  private readonly leased = new NamedTasks();
  private readonly waiting: FirstTasks;

  constructor(
    private readonly isRival: (other: Task) => boolean,
    agingMs: number,
  ) {
    this.waiting = new FirstTasks(agingMs);
  }

  look(other: Task, isReady: boolean): void {
    if (!other.lease && !isReady) return;
    if (!this.isRival(other)) return;
    if (other.lease) this.leased.add(other.id);
    else this.waiting.add(other);
  }

  get named(): NamedTasks {
    return new NamedTasks().addAll(this.leased).addAll(this.waiting.named);
  }
}

/**
 * One ready task among all of its tenant. Keys that take turns share the place of their most urgent task: any of theirs
 * may come before any other.
 */
export class Line {
  /** The ready ones that are served before it. */
  readonly ahead = new Stretch();
  /** From when on there is one that would be, as long as none ends; infinity: no such time. */
  firstAheadAtMs = Infinity;
  /** With itself. */
  ready = 0;
  /** What all that is ready may print; and all that is by the next hour. */
  readyBytes = 0;
  nextHourBytes = 0;
  /** Other ready ones that ask for certain room. */
  readonly large = new NamedTasks();
  readonly ofKey: Rivals;
  readonly ofLock: Rivals;
  private readonly rank: number;
  private readonly inTurns: boolean;
  readonly nextHourMs: number;
  /** While its own place is another one: those that take turns, and the place of all of them. */
  private readonly robins = new Stretch();
  private firstRobin = Infinity;

  constructor(
    private readonly task: Task,
    private readonly agingMs: number,
    private readonly nowMs: number,
    /** Before it comes what ranks lower. */
    private readonly place: number,
  ) {
    const { spec, exclusive } = task;
    const key = spec.concurrency?.key;
    const agentId = spec.agent_id;
    this.rank = rankOf(task, agingMs);
    this.inTurns = takesTurns(spec.concurrency);
    this.nextHourMs = nextHourMs(nowMs);
    this.ofKey = new Rivals((one) => key !== undefined && one.spec.concurrency?.key === key, agingMs);
    this.ofLock = new Rivals(
      (one) => exclusive && one.exclusive && (one.lease?.agentId ?? one.spec.agent_id) === agentId,
      agingMs,
    );
  }

  look(one: Task): void {
    const isReady = one.readyAtMs <= this.nowMs;
    if (one !== this.task) {
      this.ofKey.look(one, isReady);
      this.ofLock.look(one, isReady);
    }
    if (one.lease) return;
    const bytes = reservedBytes(one.spec);
    if (one.readyAtMs <= this.nextHourMs) this.nextHourBytes += bytes;
    if (isReady) {
      this.ready += 1;
      this.readyBytes += bytes;
    }
    if (one !== this.task) this.compare(one, isReady);
  }

  private compare(one: Task, isReady: boolean): void {
    const rank = rankOf(one, this.agingMs);
    const isRobin = takesTurns(one.spec.concurrency);
    const isFirst = one.order < this.task.order;
    const before = (place: number): boolean => rank < place || (rank === place && (isRobin || isFirst));
    if ((isRobin && this.inTurns) || before(this.rank)) {
      this.firstAheadAtMs = Math.min(this.firstAheadAtMs, one.readyAtMs);
    }
    if (!isReady) return;
    if (one.spec.requests) this.large.add(one.id);
    if (!isRobin || this.inTurns) {
      if (isRobin || before(this.place)) this.ahead.add(one);
      return;
    }
    this.robins.add(one);
    this.firstRobin = Math.min(this.firstRobin, rank);
  }

  /** After the last look. */
  close(): void {
    if (this.firstRobin <= this.place) this.ahead.addAll(this.robins);
  }
}

/** Looks at all tasks of the tenant, in steps between which the state may move on. */
export function* lineOf(
  realm: Realm,
  { agingMs }: TasksPolicy,
  task: Task,
  nowMs: number,
): Generator<void, Line> {
  let place = rankOf(task, agingMs);
  let looked = 0;
  if (takesTurns(task.spec.concurrency)) {
    for (const one of realm.tasks.values()) {
      if (looked++ % lookedAtOnce === 0) yield;
      if (one.lease || one.readyAtMs > nowMs || !takesTurns(one.spec.concurrency)) continue;
      place = Math.min(place, rankOf(one, agingMs));
    }
  }
  const line = new Line(task, agingMs, nowMs, place);
  for (const one of realm.tasks.values()) {
    if (looked++ % lookedAtOnce === 0) yield;
    line.look(one);
  }
  line.close();
  return line;
}
