import { randomBytes } from 'node:crypto';
import { type ContextName, type EventBody } from '@fluxforge/events/catalogue';
import {
  type LogPort,
  type Membership,
  type ReadError,
  type RecordBatch,
  type Tail,
  type TopicPartition,
} from '@fluxforge/events/log';
import { newOwnerId } from '@fluxforge/events/journal';
import { topicsOf } from '@fluxforge/events/topics';
import { type HostContext } from './host-context.js';
import { PartitionHost } from './host.js';
import { type Snapshot, type Source } from './requests.js';
import { PartitionRunner, type RunnerEvents } from './runner.js';
import { defaultHostLimits, type HostSettings } from './settings.js';

export interface HostGroupOptions<Effect> {
  readonly context: ContextName;
  readonly topicPrefix: string;
  /** Sets hosts apart that would else be placed by one group. */
  readonly groupSuffix?: string;
  readonly partitions: number;
  readonly epoch: number;
  /** What others are told to reach this process under. */
  readonly address: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly tickMs: number;
  readonly nowMs: () => number;
  readonly loadSnapshot: (partition: number) => Promise<Snapshot | null>;
  readonly events: RunnerEvents<Effect>;
}

/**
 * The partitions of one context that the group places on this process, each with its host. The group
 * only places: who owns a partition is decided by claims in the log, so losing the group's word late, or
 * hearing it twice, costs time and nothing else.
 */
export class HostGroup<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private readonly runners = new Map<number, PartitionRunner<State, Message, Effect, Own, Foreign>>();
  private readonly assigned = new Set<number>();
  private readonly tail: Tail;
  private readonly commandsTopic: string;
  private membership: Membership | null = null;
  private ticker: NodeJS.Timeout | null = null;

  constructor(
    private readonly log: LogPort,
    private readonly options: HostGroupOptions<Effect>,
    private readonly makeContext: () => HostContext<State, Message, Effect, Own, Foreign>,
    // Fresh at each process start, shared by the partitions of this process.
    private readonly ownerId: string = newOwnerId(randomBytes),
  ) {
    const topics = topicsOf(options.topicPrefix);
    this.commandsTopic = topics.commands[options.context];
    this.tail = log.tail({
      onBatch: (tp, batch) => this.feed(tp, batch),
      onError: (tp, error) => {
        if (error.failure === 'unavailable') return;
        const source = this.sourceOf(tp);
        this.runners.get(tp.partition)?.sourceFailed(source, `${error.message}${hintOf(source, error)}`);
      },
    });
  }

  async start(): Promise<void> {
    const { options } = this;
    this.membership = await this.log.join(
      {
        group: `${options.topicPrefix}-${options.context}${options.groupSuffix ?? ''}`,
        topics: [this.commandsTopic],
        metadata: options.address,
        sessionTimeoutMs: options.sessionTimeoutMs,
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      },
      {
        onAssigned: (partitions, generation) => this.place(partitions, generation),
        onHeartbeat: (generation) => this.assigned.forEach((p) => this.runners.get(p)?.heartbeat(generation)),
        // Being out of the group is no loss of ownership: a newer claim is. The hosts find that by themselves.
        onLost: () => undefined,
      },
    );
    this.ticker = setInterval(() => this.runners.forEach((runner) => runner.tick()), options.tickMs);
  }

  /** The runner of a partition that is placed here, or undefined. */
  runner(partition: number): PartitionRunner<State, Message, Effect, Own, Foreign> | undefined {
    return this.assigned.has(partition) ? this.runners.get(partition) : undefined;
  }

  get placed(): readonly number[] {
    return [...this.assigned];
  }

  get membershipView(): Membership | null {
    return this.membership;
  }

  async close(): Promise<void> {
    if (this.ticker) clearInterval(this.ticker);
    this.runners.forEach((runner) => runner.close());
    this.assigned.clear();
    await this.tail.close();
    await this.membership?.close();
  }

  private place(partitions: readonly number[], generation: number): void {
    const now = new Set(partitions);
    for (const p of [...this.assigned]) {
      if (now.has(p)) continue;
      this.assigned.delete(p);
      this.runners.get(p)?.revoked();
    }
    for (const p of now) {
      this.assigned.add(p);
      this.runnerOf(p).assigned(generation);
    }
    this.options.events.onPlaced(partitions);
  }

  private runnerOf(partition: number): PartitionRunner<State, Message, Effect, Own, Foreign> {
    const known = this.runners.get(partition);
    if (known) return known;
    const { options } = this;
    const topics = topicsOf(options.topicPrefix);
    const other: ContextName = options.context === 'tasks' ? 'states' : 'tasks';
    const settings: HostSettings = {
      ...defaultHostLimits,
      context: options.context,
      partition,
      ownerId: this.ownerId,
      address: options.address,
      epoch: options.epoch,
    };
    const runner = new PartitionRunner(partition, new PartitionHost(this.makeContext(), settings), {
      log: this.log,
      tail: this.tail,
      topics: {
        own: topics.events[options.context],
        commands: this.commandsTopic,
        foreign: topics.events[other],
        deadLetters: topics.deadLetters,
      },
      nowMs: options.nowMs,
      loadSnapshot: options.loadSnapshot,
      events: options.events,
    });
    this.runners.set(partition, runner);
    return runner;
  }

  private sourceOf(tp: TopicPartition): Source {
    return tp.topic === this.commandsTopic ? 'commands' : 'foreign';
  }

  private async feed(tp: TopicPartition, batch: RecordBatch): Promise<void> {
    await this.runners.get(tp.partition)?.feed(this.sourceOf(tp), batch);
  }
}

/** Reading on from wherever the topic begins would lose what was accepted, in silence. */
function hintOf(source: Source, error: ReadError): string {
  if (error.failure !== 'out-of-range') return '';
  return source === 'commands'
    ? '; commands that are not covered yet were deleted, or the log was truncated'
    : '; the log was truncated';
}
