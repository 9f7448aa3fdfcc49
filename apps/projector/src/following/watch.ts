import { type ProjectionKey, StoreUnavailable, type Standing } from '@fluxforge/read-models';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';

const complaintEveryMs = 10_000;

export interface WatchParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly nowMs: () => number;
}

/** What one partition's projection says of itself: metrics, log lines, readiness. No decisions. */
export class Watch {
  private readonly labels: { projection: string; context: string; partition: number };
  private readonly part: string;
  private lastComplaintMs = 0;
  private isHalted = false;

  constructor(
    key: ProjectionKey,
    private readonly parts: WatchParts,
  ) {
    this.labels = { ...key };
    this.part = `${key.projection} ${key.context}/${key.partition}`;
  }

  started(standing: Standing): void {
    this.clearAlarm();
    this.parts.logger.debug({ ...this.labels, next: standing.position.next }, 'projecting');
  }

  gone(): void {
    this.clearAlarm();
    this.parts.metrics.remove('fluxforge_projection_parked', this.labels);
    this.parts.metrics.remove('fluxforge_projection_lag_records', this.labels);
    this.parts.metrics.remove('fluxforge_projection_lag_seconds', this.labels);
  }

  transaction(records: number): () => void {
    const { metrics, nowMs } = this.parts;
    const { projection } = this.labels;
    const fromMs = nowMs();
    return () => {
      metrics.observe('fluxforge_projection_seconds', { projection }, (nowMs() - fromMs) / 1000);
      metrics.observe('fluxforge_projection_batch_records', { projection }, records);
      metrics.add('fluxforge_projected_records_total', { projection }, records);
    };
  }

  reached(standing: Standing, end: number, recordMs: number | null): void {
    const { metrics, nowMs } = this.parts;
    metrics.set('fluxforge_projection_lag_records', this.labels, Math.max(0, end - standing.position.next));
    if (recordMs !== null) {
      metrics.set('fluxforge_projection_lag_seconds', this.labels, Math.max(0, nowMs() - recordMs) / 1000);
    }
  }

  halted(reason: string | null): void {
    if (reason !== null && !this.isHalted) this.parked(reason);
    if (reason === null && this.isHalted) {
      this.clearAlarm();
      this.parts.logger.warn(this.labels, 'the journal was repaired, projecting again');
    }
    this.isHalted = reason !== null;
  }

  parked(reason: string): void {
    const { logger, metrics, readiness } = this.parts;
    logger.error({ ...this.labels, reason }, 'partition parked: an operator must look');
    metrics.set('fluxforge_projection_parked', this.labels, 1);
    readiness.set(this.part, 'degraded', `parked: ${reason}`);
  }

  elsewhere(): void {
    this.parts.logger.warn(this.labels, 'another process has moved the position, standing back');
  }

  skipped(error: Error, from: number, to: number): void {
    this.parts.logger.warn(
      { ...this.labels, from, to, reason: error.message },
      'telemetry has expired unread',
    );
  }

  logUnavailable(error: Error): void {
    this.complain(error, 'the log cannot be read, trying again');
  }

  storeAnswers(): void {
    this.parts.readiness.set('postgres', 'ok');
  }

  retry(error: unknown): void {
    this.parts.metrics.add('fluxforge_projection_retries_total', { projection: this.labels.projection });
    if (error instanceof StoreUnavailable) this.parts.readiness.set('postgres', 'down', error.message);
    this.complain(error, 'cannot write, trying again');
  }

  // An outage says so, but not thousands of times.
  private complain(error: unknown, message: string): void {
    const now = this.parts.nowMs();
    if (now - this.lastComplaintMs < complaintEveryMs) return;
    this.lastComplaintMs = now;
    this.parts.logger.warn({ ...this.labels, err: error }, message);
  }

  private clearAlarm(): void {
    this.isHalted = false;
    this.parts.metrics.set('fluxforge_projection_parked', this.labels, 0);
    this.parts.readiness.clear(this.part);
  }
}
