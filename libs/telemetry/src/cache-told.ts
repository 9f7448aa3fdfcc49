import { type Logger } from './logger.js';
import { type Metrics } from './metrics.js';

/** What a process does when its shared cache is lost, and when it is back: a gauge and a line. */
export function cacheTold(metrics: Metrics, logger: Logger): (available: boolean, reason: string) => void {
  return (available, reason) => {
    metrics.set('fluxforge_cache_available', {}, available ? 1 : 0);
    logger[available ? 'info' : 'warn']({ reason }, available ? 'the cache answers' : 'the cache is lost');
  };
}
