import { AppendError, type LogPort, type LogRecord, type TopicPartition } from '@fluxforge/events/log';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';
import { type Poisoned } from '../intake/intake.js';

const appendTimeoutMs = 5_000;
/** Of the poisoned value, kept for operators; the original stays in its topic. */
const maxKeptBytes = 64 * 1024;

export interface DeadLetterParts {
  readonly log: LogPort;
  readonly topic: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

/** Where records go that cannot be projected: never skipped in silence, never in the way of others. */
export class DeadLetters {
  private parked = 0;

  constructor(private readonly parts: DeadLetterParts) {}

  /**
   * Parks the record. An unknown outcome is sent again: two letters about one record are better than none.
   * @throws AppendError when it was not or perhaps not written: the position must not pass the record
   */
  async park(from: TopicPartition, poisoned: Poisoned): Promise<void> {
    const { log, topic, logger, metrics, readiness } = this.parts;
    const to = { topic, partition: from.partition };
    try {
      await log.append(to, [letterOf(from, poisoned, maxKeptBytes)], {
        timeoutMs: appendTimeoutMs,
        concurrent: true,
      });
    } catch (error: unknown) {
      if (!(error instanceof AppendError) || error.failure !== 'fatal') throw error;
      // Refused for what it holds: the place and the reason are what matters.
      await log.append(to, [letterOf(from, poisoned, 0)], { timeoutMs: appendTimeoutMs, concurrent: true });
    }
    this.parked += 1;
    metrics.add('fluxforge_poison_records_total', { topic: from.topic });
    readiness.set('dead letters', 'degraded', `${this.parked} records parked since the start`);
    logger.error(
      {
        topic: from.topic,
        partition: from.partition,
        offset: poisoned.record.offset,
        reason: poisoned.reason,
      },
      'poison record parked to dead letters',
    );
  }
}

function letterOf(from: TopicPartition, { record, reason }: Poisoned, maxBytes: number): LogRecord {
  const value = record.value ?? Buffer.alloc(0);
  const letter = {
    topic: from.topic,
    partition: from.partition,
    offset: record.offset,
    timestamp_ms: record.timestampMs,
    reason: reason.slice(0, 2048),
    parked_by: 'projector',
    headers: maxBytes === 0 ? {} : record.headers,
    value_bytes: value.length,
    value_base64: value.subarray(0, maxBytes).toString('base64'),
  };
  return {
    key: record.key,
    value: Buffer.from(JSON.stringify(letter)),
    headers: {
      'content-type': 'application/json',
      ce_type: 'dead-letter.v1',
      ce_source: '/fluxforge/projector',
    },
  };
}
