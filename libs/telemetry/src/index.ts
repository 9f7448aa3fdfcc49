export { createLogger, inContext, type Logger, type LoggerOptions, type LogContext } from './logger.js';
export {
  metricDefinitions,
  type MetricName,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
} from './metric-names.js';
export { Metrics } from './metrics.js';
export { cacheTold } from './cache-told.js';
export { Readiness, type Health, type CheckState, type ReadinessReport } from './readiness.js';
export { startOpsServer, type OpsServer, type OpsOptions } from './ops-server.js';
export { runProcess, type ProcessParts } from './run-process.js';
