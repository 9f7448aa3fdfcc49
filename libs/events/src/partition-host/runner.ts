import { type EventBody } from '@fluxforge/events/catalogue';
import { header } from '@fluxforge/events/envelope';
import {
  AppendError,
  ReadError,
  type LogPort,
  type LogRecord,
  type RecordBatch,
  type StoredRecord,
  type Tail,
} from '@fluxforge/events/log';
import { type PartitionHost } from './host.js';
import { type HostRequest, type Justified, type Snapshot, type Source } from './requests.js';

/** What a runner's surroundings do for it. */
export interface RunnerPorts<Effect> {
  readonly log: LogPort;
  readonly tail: Tail;
  readonly topics: {
    readonly own: string;
    readonly commands: string;
    readonly foreign: string;
    readonly deadLetters: string;
  };
  /** Milliseconds since the epoch that never jump: a wall clock read once, carried on by a monotonic one. */
  readonly nowMs: () => number;
  readonly loadSnapshot: (partition: number) => Promise<Snapshot | null>;
  readonly events: RunnerEvents<Effect>;
}

export interface RunnerEvents<Effect> {
  onEffects(partition: number, effects: readonly Justified<Effect>[]): void;
  onSettled(partition: number, tickets: readonly number[]): void;
  onLeading(partition: number, claimOffset: number): void;
  onDeciding(partition: number): void;
  onFallen(partition: number, reason: string): void;
  onStopped(partition: number, reason: string): void;
  onCommit(partition: number, records: number, latencyMs: number): void;
  onDeadLetter(partition: number, source: string, offset: number, reason: string): void;
  /** The group has said which partitions are placed here. */
  onPlaced(partitions: readonly number[]): void;
}

const appendTimeoutMs = 5000;
const readTimeoutMs = 5000;
const readMaxBytes = 4 * 1024 * 1024;
const roomPollMs = 5;
const parkRetryMs = 500;

/** Carries out what one partition host asks for, on a real log. */
export class PartitionRunner<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private readonly behind: Record<Source, number> = { commands: 0, foreign: 0 };
  private draining = false;
  private closed = false;
  /** How often each source was begun anew: a batch of before must not be fed after. */
  private readonly begun: Record<Source, number> = { commands: 0, foreign: 0 };

  constructor(
    readonly partition: number,
    readonly host: PartitionHost<State, Message, Effect, Own, Foreign>,
    private readonly ports: RunnerPorts<Effect>,
  ) {}

  /** Of the group, when it last placed this partition here. */
  generation = 0;

  assigned(generation: number): void {
    this.generation = generation;
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

  /** See `PartitionHost.offer`. */
  offer(message: Message, ticket: number, cause: string): boolean {
    let taken = false;
    this.step((now) => {
      taken = this.host.offer(message, ticket, cause, now);
    });
    return taken;
  }

  /** A batch of a followed source; resolves when more may be handed over. */
  async feed(source: Source, batch: RecordBatch): Promise<void> {
    const begun = this.begun[source];
    while (!this.closed && !this.host.hasRoom(source)) await delay(roomPollMs);
    // The source was begun elsewhere while this waited: what lies in between would be skipped.
    if (this.begun[source] !== begun) return;
    this.behind[source] = Math.max(0, batch.end - batch.next);
    this.step((now) => this.host.feed(source, batch, now));
  }

  /** Records of a source that are in the log and not taken in yet, as of its latest batch. */
  lag(source: Source): number {
    return this.host.queued[source] + this.behind[source];
  }

  sourceFailed(source: Source, reason: string): void {
    this.step(() => this.host.sourceFailed(source, reason));
  }

  close(): void {
    this.closed = true;
    this.step(() => this.host.revoked());
  }

  /** One input, then everything that the host wants because of it. Safe to be called from within itself. */
  private step(input: (nowMs: number) => void): void {
    input(this.ports.nowMs());
    if (this.draining) return;
    this.draining = true;
    try {
      for (let requests = this.host.drain(); requests.length > 0; requests = this.host.drain()) {
        for (const request of requests) this.carryOut(request);
      }
    } finally {
      this.draining = false;
    }
  }

  private carryOut(request: HostRequest<Effect>): void {
    const { events, tail, topics } = this.ports;
    const topicOf = { commands: topics.commands, foreign: topics.foreign };
    switch (request.kind) {
      case 'append':
        void this.append(request.id, request.records);
        return;
      case 'read':
        void this.read(request.id, request.from);
        return;
      case 'probe':
        void this.probe(request.id);
        return;
      case 'load-snapshot':
        void this.loadSnapshot();
        return;
      case 'follow':
        this.begun[request.source] += 1;
        tail.follow({ topic: topicOf[request.source], partition: this.partition }, request.from);
        return;
      case 'unfollow':
        this.begun[request.source] += 1;
        tail.unfollow({ topic: topicOf[request.source], partition: this.partition });
        return;
      case 'dead-letter':
        void this.deadLetter(request.source, request.record, request.reason);
        return;
      case 'effects':
        return events.onEffects(this.partition, request.effects);
      case 'settle':
        return events.onSettled(this.partition, request.tickets);
      case 'message-dropped':
        // It lies at no offset; its sender keeps it.
        return events.onDeadLetter(this.partition, 'messages', -1, request.reason);
      case 'leading':
        return events.onLeading(this.partition, request.claimOffset);
      case 'deciding':
        return events.onDeciding(this.partition);
      case 'fallen':
        return events.onFallen(this.partition, request.reason);
      case 'stopped':
        return events.onStopped(this.partition, request.reason);
    }
  }

  private get own(): { topic: string; partition: number } {
    return { topic: this.ports.topics.own, partition: this.partition };
  }

  private async append(id: number, records: readonly LogRecord[]): Promise<void> {
    const sentAtMs = this.ports.nowMs();
    try {
      const base = await this.ports.log.append(this.own, records, { timeoutMs: appendTimeoutMs });
      this.ports.events.onCommit(this.partition, records.length, this.ports.nowMs() - sentAtMs);
      this.step((now) => this.host.appended(id, base, now));
    } catch (error: unknown) {
      // Anything that is not surely something else is an unknown outcome.
      const failure = error instanceof AppendError ? error.failure : 'unknown';
      this.step((now) => this.host.appendFailed(id, failure, now));
    }
  }

  private async read(id: number, from: number): Promise<void> {
    try {
      const batch = await this.ports.log.read(this.own, from, {
        maxBytes: readMaxBytes,
        timeoutMs: readTimeoutMs,
      });
      this.step((now) => this.host.readDone(id, batch, now));
    } catch (error: unknown) {
      const failure = error instanceof ReadError ? error.failure : 'unavailable';
      this.step((now) => this.host.readFailed(id, failure, now));
    }
  }

  /** Asks for the log's end by a read at the place where the end is expected: one request, no admin call. */
  private async probe(id: number): Promise<void> {
    const from = this.host.position?.next ?? 0;
    try {
      const { end } = await this.ports.log.read(this.own, from, { maxBytes: 1, timeoutMs: readTimeoutMs });
      this.step((now) => this.host.probed(id, end, now));
    } catch (error: unknown) {
      const beyondEnd = error instanceof ReadError && error.failure === 'out-of-range';
      this.step((now) => (beyondEnd ? this.host.probed(id, -1, now) : this.host.probeFailed(id)));
    }
  }

  private async loadSnapshot(): Promise<void> {
    // A snapshot that cannot be had costs time, never truth.
    const snapshot = await this.ports.loadSnapshot(this.partition).catch(() => null);
    this.step(() => this.host.snapshot(snapshot));
  }

  /** Parks a record; tried again until the log has it, since its source waits for that. */
  private async deadLetter(source: Source | 'own', record: StoredRecord, reason: string): Promise<void> {
    const from = this.ports.topics[source];
    this.ports.events.onDeadLetter(this.partition, from, record.offset, reason);
    const letter: LogRecord = {
      key: record.key,
      value: record.value,
      headers: {
        ...record.headers,
        ff_dead_topic: from,
        ff_dead_partition: String(this.partition),
        ff_dead_offset: String(record.offset),
        ff_dead_reason: reason.slice(0, 1024),
        ff_dead_tenant: record.headers[header.tenant] ?? '',
      },
    };
    const at = { topic: this.ports.topics.deadLetters, partition: this.partition };
    while (!this.closed) {
      try {
        await this.ports.log.append(at, [letter], { timeoutMs: appendTimeoutMs, concurrent: true });
        break;
      } catch {
        await delay(parkRetryMs);
      }
    }
    if (source !== 'own') this.step((now) => this.host.parked(source, record.offset, now));
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
