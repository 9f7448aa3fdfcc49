import { type ContextName } from '@fluxforge/events/catalogue';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';
import { type RunnerEvents } from './runner.js';

/** What every host tells operators, whatever its context: metrics, log lines and readiness. */
export function hostTelemetry(
  context: ContextName,
  tools: { readonly metrics: Metrics; readonly readiness: Readiness; readonly logger: Logger },
): Pick<RunnerEvents<never>, 'onLeading' | 'onFallen' | 'onStopped' | 'onCommit' | 'onDeadLetter'> {
  const { metrics, readiness, logger } = tools;
  const leading = new Set<number>();
  const show = (): void => metrics.set('fluxforge_partitions_owned', { context }, leading.size);
  return {
    onLeading: (partition, claimOffset) => {
      leading.add(partition);
      show();
      metrics.add('fluxforge_terms_total', { context, partition });
      metrics.set('fluxforge_partitions_stopped', { context, partition }, 0);
      readiness.clear(`${context}/${partition}`);
      logger.info({ context, partition, claimOffset }, 'leading');
    },
    onFallen: (partition, reason) => {
      if (!leading.delete(partition)) return;
      show();
      metrics.add('fluxforge_terms_ended_total', { context, cause: causeOf(reason) });
      logger.warn({ context, partition, reason }, 'no longer leading');
    },
    onStopped: (partition, reason) => {
      metrics.set('fluxforge_partitions_stopped', { context, partition }, 1);
      readiness.set(`${context}/${partition}`, 'degraded', reason);
      logger.error({ context, partition, reason }, 'partition stopped; an operator must look');
    },
    onCommit: (_partition, records, latencyMs) => {
      metrics.observe('fluxforge_commit_seconds', { context }, latencyMs / 1000);
      metrics.observe('fluxforge_commit_batch_records', { context }, records);
    },
    onDeadLetter: (partition, topic, offset, reason) => {
      metrics.add('fluxforge_poison_records_total', { topic });
      logger.error({ topic, partition, offset, reason }, 'poison record parked');
    },
  };
}

/** The bounded part of a reason, fit for a metric's label. */
function causeOf(reason: string): string {
  return reason.replace(/[0-9]+/g, 'n').slice(0, 60);
}
