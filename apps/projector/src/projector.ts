import {
  type GroupHandlers,
  type LogPort,
  type Membership,
  type Tail,
  type TopicPartition,
} from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import {
  decodeLoad,
  decodeOutput,
  lastSeenProjection,
  outputProjection,
  projectLoad,
  projectOutput,
  type ProjectionStore,
} from '@fluxforge/read-models';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { PartitionProjection } from './following/partition-projection.js';
import { Watch } from './following/watch.js';
import { type Intake } from './intake/intake.js';
import { JournalIntake } from './intake/journal-intake.js';
import { TelemetryIntake } from './intake/telemetry-intake.js';

export interface ProjectorParts {
  readonly log: LogPort;
  readonly store: ProjectionStore;
  readonly topics: Topics;
  readonly group: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly maxBatch?: number;
  readonly nowMs?: () => number;
  readonly random?: () => number;
}

/** Larger batches gain nothing and hold their locks longer. */
const defaultMaxBatch = 1_000;
// The least that brokers allow by default: who may write is settled elsewhere, so a wrong guess costs nothing.
const sessionTimeoutMs = 6_000;
const heartbeatIntervalMs = 1_000;
const rebalanceTimeoutMs = 10_000;

/**
 * Follows every topic that a view is made of, for the partitions that the group places here. The group
 * only says who should work; who may write is decided by the stored position, in each transaction.
 */
export class Projector {
  private readonly running = new Map<string, PartitionProjection<unknown>>();
  private readonly leaving = new Set<Promise<void>>();
  private readonly tail: Tail;
  private readonly deadLetters: DeadLetters;
  private membership: Membership | null = null;
  private closed = false;

  constructor(private readonly parts: ProjectorParts) {
    this.deadLetters = new DeadLetters({ ...parts, topic: parts.topics.deadLetters });
    this.tail = parts.log.tail({
      onBatch: (tp, batch) => this.running.get(keyOf(tp))?.onBatch(batch),
      onError: (tp, error) => this.running.get(keyOf(tp))?.onError(error),
    });
  }

  async start(): Promise<void> {
    const { log, group, topics } = this.parts;
    const handlers: GroupHandlers = {
      onAssigned: (partitions) => this.assign(partitions),
      onHeartbeat: () => this.parts.readiness.set('kafka', 'ok'),
      onLost: () => {
        this.parts.readiness.set('kafka', 'down', 'out of the group');
        this.assign([]);
      },
    };
    this.membership = await log.join(
      {
        group,
        topics: [topics.events.tasks, topics.events.states, topics.logs, topics.agentReports],
        metadata: '',
        sessionTimeoutMs,
        heartbeatIntervalMs,
        rebalanceTimeoutMs,
      },
      handlers,
    );
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const key of this.running.keys()) this.leave(key);
    await Promise.all(this.leaving);
    await this.membership?.close();
    await this.tail.close();
  }

  private assign(partitions: readonly number[]): void {
    if (this.closed) return;
    if (partitions.length > 0) this.parts.readiness.set('kafka', 'ok');
    const wanted = new Map(partitions.flatMap((p) => this.placesOf(p)).map((tp) => [keyOf(tp), tp]));
    for (const key of this.running.keys()) if (!wanted.has(key)) this.leave(key);
    for (const [key, tp] of wanted) {
      if (this.running.has(key)) continue;
      const projection = this.projectionOf(tp);
      this.running.set(key, projection);
      projection.start();
    }
  }

  private leave(key: string): void {
    const stopped = this.running.get(key)!.stop();
    this.running.delete(key);
    this.leaving.add(stopped);
    void stopped.finally(() => this.leaving.delete(stopped));
  }

  private placesOf(partition: number): TopicPartition[] {
    const { events, logs, agentReports } = this.parts.topics;
    return [events.tasks, events.states, logs, agentReports].map((topic) => ({ topic, partition }));
  }

  private projectionOf(tp: TopicPartition): PartitionProjection<unknown> {
    const { parts } = this;
    const intake = this.intakeOf(tp);
    const watch = new Watch(intake.key, { ...parts, nowMs: parts.nowMs ?? Date.now });
    const projectionParts = {
      log: parts.log,
      store: parts.store,
      deadLetters: this.deadLetters,
      maxBatch: parts.maxBatch ?? defaultMaxBatch,
      random: parts.random ?? Math.random,
    };
    return new PartitionProjection(tp, intake, this.tail, projectionParts, watch);
  }

  private intakeOf({ topic, partition }: TopicPartition): Intake<unknown> {
    const { topics } = this.parts;
    switch (topic) {
      case topics.events.tasks:
        return new JournalIntake('tasks', partition);
      case topics.events.states:
        return new JournalIntake('states', partition);
      case topics.logs:
        return new TelemetryIntake(
          { projection: outputProjection, context: 'logs', partition },
          { decode: decodeOutput, write: projectOutput },
        );
      default:
        return new TelemetryIntake(
          { projection: lastSeenProjection, context: 'agents.reports', partition },
          { decode: decodeLoad, write: projectLoad },
        );
    }
  }
}

function keyOf(tp: TopicPartition): string {
  return `${tp.topic}/${tp.partition}`;
}
