import { type ContextName, type EventBody } from '@fluxforge/events/catalogue';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { type EpochTerm } from '@fluxforge/events/journal';
import { type LogRecord, type RecordBatch, type TopicPartition } from '@fluxforge/events/log';
import {
  type HostContext,
  type HostRequest,
  type HostSettings,
  type Justified,
  PartitionHost,
  type Snapshot,
  type Source,
} from '@fluxforge/events/partition-host';
import { type Topics } from '@fluxforge/events/topics';
import { type FaultyLog } from './faulty-log.js';
import { type Process } from './process.js';
import { type Prng } from './prng.js';
import { textOf } from './snapshot-text.js';
import { type Timeline } from './timeline.js';
import { Violation } from './violation.js';

/** What a process does for one of its hosts: what its shell would. */
export interface Duties<Effect> {
  onEffects(effects: readonly Justified<Effect>[]): void;
  onSettled(tickets: readonly number[]): void;
  onDeciding(): void;
  onFallen(): void;
  /** At the end of each turn. */
  onTurn(): void;
}

export interface UnitWorld {
  readonly timeline: Timeline;
  readonly log: FaultyLog;
  readonly topics: Topics;
  readonly prng: Prng;
  readonly onStopped: (unit: string, reason: string) => void;
  readonly onDeadLetter: (tp: TopicPartition, offset: number) => void;
  readonly onLeading: (process: Process, unit: string, terms: EpochTerm) => void;
  readonly snapshot: (context: ContextName, partition: number) => Snapshot | null;
}

const rereads = 0.03;

interface Followed {
  readonly tp: TopicPartition;
  readonly from: number;
  next: number;
  /** A delivery is on its way. */
  coming: boolean;
}

/** Carries out what one host asks for, on the faulty log. The counterpart of the production runner. */
export class HostUnit<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  readonly host: PartitionHost<State, Message, Effect, Own, Foreign>;
  duties!: Duties<Effect>;
  private readonly followed: Record<Source, Followed | null> = { commands: null, foreign: null };
  private readonly own: TopicPartition;
  private draining = false;

  constructor(
    readonly process: Process,
    readonly context: HostContext<State, Message, Effect, Own, Foreign>,
    readonly settings: HostSettings,
    private readonly world: UnitWorld,
    readonly nowMs: () => number,
  ) {
    this.host = new PartitionHost(context, settings);
    this.own = { topic: world.topics.events[settings.context], partition: settings.partition };
  }

  get name(): string {
    return `${this.settings.context}/${this.settings.partition}`;
  }

  get view(): State {
    return this.host.view;
  }

  /** Nothing is queued, on its way or unread. */
  get isAtRest(): boolean {
    const { commands, foreign, messages } = this.host.queued;
    if (commands + foreign + messages > 0 || this.host.ownerState !== 'leading') return false;
    return this.isRead('commands') && this.isRead('foreign');
  }

  /** How far it has come with its commands, as production owners tell it. */
  get pulse(): PartitionPulse {
    const { host, followed, world } = this;
    const behind = followed.commands ? world.log.core.end(followed.commands.tp) - followed.commands.next : 0;
    return { covered: host.coveredCommands, lag: host.queued.commands + behind };
  }

  serialized(): string {
    return textOf(this.context.serialize(this.view));
  }

  private isRead(source: Source): boolean {
    const followed = this.followed[source];
    return followed !== null && followed.next >= this.world.log.core.end(followed.tp);
  }

  assigned(generation: number): void {
    this.step((now) => this.host.assigned(generation, now));
  }

  revoked(): void {
    this.step(() => this.host.revoked());
  }

  heartbeat(generation: number): void {
    this.step((now) => this.host.heartbeat(generation, now));
  }

  tick(): void {
    this.step((now) => this.host.tick(now));
  }

  offer(message: Message, ticket: number, cause: string): boolean {
    let taken = false;
    this.step((now) => {
      taken = this.host.offer(message, ticket, cause, now);
    });
    return taken;
  }

  /** New records of a topic; who follows it gets them after a while. */
  wake(tp: TopicPartition): void {
    for (const source of ['commands', 'foreign'] as const) {
      const followed = this.followed[source];
      if (followed?.tp.topic === tp.topic) this.deliver(source, followed);
    }
  }

  /** One input, then everything that the host wants because of it. Safe to be called from within itself. */
  private step(input: (nowMs: number) => void): void {
    input(this.nowMs());
    if (this.draining) return;
    this.draining = true;
    for (let requests = this.host.drain(); requests.length > 0; requests = this.host.drain()) {
      for (const request of requests) this.carryOut(request);
    }
    this.draining = false;
    this.duties.onTurn();
  }

  /** An answer from outside: it reaches the process only while that runs. */
  private answered(input: (nowMs: number) => void): void {
    this.process.enter(() => this.step(input));
  }

  private carryOut(request: HostRequest<Effect>): void {
    const { world, duties } = this;
    switch (request.kind) {
      case 'append':
        return this.append(request.id, request.records);
      case 'read':
        return world.log.read(this.own, request.from, 64, {
          ok: (batch) => this.answered((now) => this.host.readDone(request.id, batch, now)),
          failed: (failure) => this.answered((now) => this.host.readFailed(request.id, failure, now)),
        });
      case 'probe':
        return world.log.read(this.own, this.host.position?.next ?? 0, 1, {
          ok: ({ end }) => this.answered((now) => this.host.probed(request.id, end, now)),
          failed: () => this.answered(() => this.host.probeFailed(request.id)),
        });
      case 'load-snapshot':
        return this.loadSnapshot();
      case 'follow':
        return this.follow(request.source, request.from);
      case 'unfollow':
        this.followed[request.source] = null;
        return;
      case 'dead-letter':
        return this.deadLetter(request.source, request.record.offset);
      case 'effects':
        return duties.onEffects(request.effects);
      case 'settle':
        return duties.onSettled(request.tickets);
      case 'message-dropped':
        throw new Violation('rules do not throw', request.reason);
      case 'leading':
        return world.onLeading(this.process, this.name, this.host.terms);
      case 'deciding':
        return duties.onDeciding();
      case 'fallen':
        return duties.onFallen();
      case 'stopped':
        return world.onStopped(this.name, request.reason);
    }
  }

  private loadSnapshot(): void {
    const { context, partition } = this.settings;
    const snapshot = this.world.snapshot(context, partition);
    this.world.timeline.after(this.world.prng.between(1, 30), 'snapshot', () =>
      this.answered(() => this.host.snapshot(snapshot)),
    );
  }

  private append(id: number, records: readonly LogRecord[]): void {
    this.world.log.append(this.own, records, {
      ok: (base) => this.answered((now) => this.host.appended(id, base, now)),
      failed: (failure) => this.answered((now) => this.host.appendFailed(id, failure, now)),
    });
  }

  /** Parked after a while, whatever becomes of who asked for it. */
  private deadLetter(source: Source | 'own', offset: number): void {
    this.world.timeline.after(this.world.prng.between(2, 60), 'parked', () => {
      if (source === 'own') return;
      this.world.onDeadLetter(this.topicOf(source), offset);
      this.answered((now) => this.host.parked(source, offset, now));
    });
  }

  private topicOf(source: Source): TopicPartition {
    const { topics } = this.world;
    const { context, partition } = this.settings;
    const other: ContextName = context === 'tasks' ? 'states' : 'tasks';
    return { topic: source === 'commands' ? topics.commands[context] : topics.events[other], partition };
  }

  private follow(source: Source, from: number): void {
    const followed = { tp: this.topicOf(source), from, next: from, coming: false };
    this.followed[source] = followed;
    this.deliver(source, followed);
  }

  private deliver(source: Source, followed: Followed): void {
    const { log, prng, timeline } = this.world;
    if (followed.coming || followed.next >= log.core.end(followed.tp)) return;
    followed.coming = true;
    timeline.after(prng.between(1, 4), 'feed', () => {
      // A reader that lost its place for a moment reads some of what it had read before.
      const from = prng.chance(rereads) ? Math.max(followed.from, followed.next - 3) : followed.next;
      const batch = log.core.read(followed.tp, from, prng.between(3, 40));
      this.process.enter(() => this.take(source, followed, batch));
    });
  }

  private take(source: Source, followed: Followed, batch: RecordBatch): void {
    followed.coming = false;
    if (this.followed[source] !== followed) return;
    if (this.host.hasRoom(source)) {
      followed.next = Math.max(followed.next, batch.next);
      this.step((now) => this.host.feed(source, batch, now));
    }
    if (this.followed[source] === followed) this.deliver(source, followed);
  }
}
