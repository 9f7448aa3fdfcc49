import { type EventBody } from '@fluxforge/events/catalogue';
import { ReadError, type LogPort } from '@fluxforge/events/log';
import { type HostContext } from '@fluxforge/events/partition-host';
import { topicsOf, type Topics } from '@fluxforge/events/topics';
import { CommandTrimmer } from './command-trimmer.js';
import { PartitionFollower } from './follower.js';
import { SnapshotLoader } from './loader.js';
import { type KeeperNews } from './news.js';
import { type SnapshotPace } from './settings.js';
import { encodeSnapshot, type SnapshotOf, type SnapshotStore } from './stored-snapshot.js';
import { historyBounds, surplus, type HistoryBounds } from './thinning.js';

export interface KeeperParts<State, Own extends EventBody, Foreign extends EventBody> {
  readonly context: HostContext<State, unknown, unknown, Own, Foreign>;
  readonly shape: string;
  readonly topicPrefix: string;
  /** A connection of the keeper's own: nothing that an owner sends waits behind its reads. */
  readonly log: LogPort;
  /** The first that is listed is asked first when a follower begins. */
  readonly stores: readonly SnapshotStore[];
  readonly pace: SnapshotPace;
  readonly history?: Omit<HistoryBounds, 'bytes'>;
  /** The wall clock: it is compared with the log's append times. */
  readonly nowMs: () => number;
  readonly tell: (news: KeeperNews) => void;
}

interface Followed<State, Own extends EventBody, Foreign extends EventBody> {
  readonly follower: PartitionFollower<State, Own, Foreign>;
  /** When the last snapshot was made, or tried, or the following begun. */
  lastMs: number;
  notBeforeMs: number;
  /** What was said last, so that a lasting failure is told once. */
  said: string;
}

/** Steps of one partition before the next has its turn. */
const stepsPerTurn = 16;

/**
 * Follows the partitions that this process leads, makes their snapshots, and trims their commands. Runs in
 * a thread of its own; all it knows of the owners is which partitions they lead.
 *
 * A partition: unknown -> followed (begun at a snapshot or the log's start) -> unknown when it is no longer
 * led, or when its log turned out to be another one.
 */
export class SnapshotKeeper<State, Own extends EventBody, Foreign extends EventBody> {
  private readonly topics: Topics;
  private readonly loader: SnapshotLoader;
  private readonly trimmer: CommandTrimmer;
  private readonly followed = new Map<number, Followed<State, Own, Foreign>>();
  private led: readonly number[] = [];
  private stopped = false;
  private running: Promise<void> | null = null;
  private wake: () => void = () => undefined;

  constructor(private readonly parts: KeeperParts<State, Own, Foreign>) {
    const { log, context, shape, stores, pace, nowMs, tell } = parts;
    this.topics = topicsOf(parts.topicPrefix);
    // What it passes over was said by the owner's own loading.
    const quiet = { onIgnored: () => undefined, onStoreFailed: () => undefined };
    const eventsTopic = this.topics.events[context.name];
    this.loader = new SnapshotLoader(log, stores, { context: context.name, shape, eventsTopic, ...quiet });
    this.trimmer = new CommandTrimmer(log, this.topics.commands[context.name], pace, nowMs, tell);
  }

  /** The partitions that are led from now on, all of them. */
  lead(partitions: readonly number[]): void {
    this.led = partitions;
    for (const partition of this.followed.keys()) {
      if (!partitions.includes(partition)) this.forget(partition);
    }
    this.wake();
  }

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  /** One look at every led partition. True when some of them have more to read. */
  async turn(): Promise<boolean> {
    let more = false;
    for (const partition of this.led) {
      if (this.stopped) break;
      more = (await this.attend(partition)) || more;
    }
    if (!this.stopped) await this.trimmer.turn(this.led);
    return more;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (!(await this.turn())) await this.rest();
    }
  }

  private rest(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.parts.pace.pollMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async attend(partition: number): Promise<boolean> {
    try {
      const followed = this.followed.get(partition) ?? (await this.begin(partition));
      return await this.follow(partition, followed);
    } catch (error: unknown) {
      this.failed(partition, error);
      return false;
    }
  }

  private async begin(partition: number): Promise<Followed<State, Own, Foreign>> {
    const { log, context, nowMs } = this.parts;
    const loaded = await this.loader.load(partition);
    if (loaded?.store === this.durable) this.trimmer.covered(partition, loaded.snapshot.commands);
    const other = context.name === 'tasks' ? 'states' : 'tasks';
    const topics = {
      own: { topic: this.topics.events[context.name], partition },
      foreign: { topic: this.topics.events[other], partition },
    };
    const follower = new PartitionFollower(log, topics, context, loaded?.snapshot ?? null);
    const followed = { follower, lastMs: nowMs(), notBeforeMs: 0, said: '' };
    if (this.led.includes(partition)) this.followed.set(partition, followed);
    return followed;
  }

  private async follow(partition: number, followed: Followed<State, Own, Foreign>): Promise<boolean> {
    for (let steps = 0; steps < stepsPerTurn; steps++) {
      if (this.stopped || !this.followed.has(partition)) return false;
      const isAtEnd = await followed.follower.step();
      if (this.isDue(followed)) await this.make(partition, followed);
      if (isAtEnd) return false;
    }
    return true;
  }

  private isDue({ follower, lastMs, notBeforeMs }: Followed<State, Own, Foreign>): boolean {
    const { pace } = this.parts;
    const now = this.parts.nowMs();
    if (follower.unsavedRecords === 0 || now < notBeforeMs) return false;
    return follower.unsavedRecords >= pace.everyRecords || now - lastMs >= pace.everyMs;
  }

  private async make(partition: number, followed: Followed<State, Own, Foreign>): Promise<void> {
    const { context, shape, stores, nowMs, pace, tell } = this.parts;
    const startedMs = nowMs();
    // Also when it fails: a lasting failure is then tried again at the usual pace.
    followed.lastMs = startedMs;
    const snapshot = await followed.follower.snapshot();
    if (!snapshot) return;
    const { manifest, payload } = encodeSnapshot(snapshot, shape);
    const of = { context: context.name, partition };
    const written: SnapshotStore[] = [];
    for (const store of stores) {
      try {
        if (!(await store.write(of, manifest, payload))) continue;
        written.push(store);
        if (store.name === this.durable) this.trimmer.covered(partition, snapshot.commands);
      } catch (error: unknown) {
        const detail = { partition, store: store.name, reason: messageOf(error) };
        tell({ kind: 'said', level: 'warn', message: 'snapshot not stored there', detail });
        tell({ kind: 'outcome', partition, outcome: `not_on_${store.name}` });
      }
    }
    const tookMs = nowMs() - startedMs;
    followed.notBeforeMs = nowMs() + tookMs * pace.restFactor;
    if (written.length === 0) return;
    followed.said = '';
    tell({ kind: 'outcome', partition, outcome: 'made' });
    const detail = { partition, next: manifest.next, bytes: payload.length, tookMs, stores: written.length };
    tell({ kind: 'said', level: 'info', message: 'snapshot made', detail });
    for (const store of written) await this.thin(of, store);
  }

  /** What cannot be deleted now is surplus at the next snapshot as well. */
  private async thin(of: SnapshotOf, store: SnapshotStore): Promise<void> {
    const { shape, pace, history = historyBounds, tell } = this.parts;
    const { partition } = of;
    try {
      const bounds = { ...history, bytes: pace.historyBytes };
      await store.drop(of, surplus(await store.list(of), shape, bounds));
    } catch (error: unknown) {
      const detail = { partition, store: store.name, reason: messageOf(error) };
      tell({ kind: 'said', level: 'warn', message: 'old snapshots not deleted there', detail });
      tell({ kind: 'outcome', partition, outcome: `not_thinned_on_${store.name}` });
    }
  }

  private failed(partition: number, error: unknown): void {
    const reason = messageOf(error);
    const followed = this.followed.get(partition);
    const isAway = error instanceof ReadError && error.failure === 'unavailable';
    // Beyond the log's end, or unreadable: what was folded is not this log's, so the following begins anew.
    if (error instanceof ReadError && !isAway) this.forget(partition);
    if (followed?.said === reason) return;
    if (followed) followed.said = reason;
    this.parts.tell({ kind: 'outcome', partition, outcome: 'failed' });
    const message = 'partition cannot be followed for snapshots';
    this.parts.tell({ kind: 'said', level: 'warn', message, detail: { partition, reason } });
  }

  private forget(partition: number): void {
    this.followed.delete(partition);
    this.trimmer.forget(partition);
  }

  /** Where a snapshot must be to count as durable: the store that outlives this machine, if there is one. */
  private get durable(): SnapshotStore['name'] {
    return this.parts.stores.some(({ name }) => name === 'postgres') ? 'postgres' : 'disk';
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
