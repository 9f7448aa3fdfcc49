import { configuredOrExit, projectorConfig } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { topicsOf } from '@fluxforge/events/topics';
import { createLogger } from '@fluxforge/telemetry';
import { rebuildViews } from './rebuild/rebuild-views.js';

const config = configuredOrExit(() => projectorConfig());
const logger = createLogger({ process: 'rebuild', level: config.logLevel, runId: config.runId });
const log = createKafkaLog({ brokers: config.kafka.brokers, clientId: 'fluxforge-rebuild' });
const startedMs = Date.now();

try {
  const topics = topicsOf(config.kafka.topicPrefix);
  const result = await rebuildViews({ log, topics, url: config.postgresUrl, logger });
  logger.info({ ...result, seconds: (Date.now() - startedMs) / 1000 }, 'views rebuilt');
} catch (error: unknown) {
  logger.fatal({ err: error }, 'rebuild failed, the live views are as they were');
  process.exitCode = 1;
} finally {
  await log.close();
}
