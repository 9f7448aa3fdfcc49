import { SwaggerModule } from '@nestjs/swagger';
import { openCache } from '@fluxforge/cache';
import { apiConfig, configuredOrExit } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { openReadModels } from '@fluxforge/read-models';
import { cacheTold, createLogger, Metrics, runProcess } from '@fluxforge/telemetry';
import { openApiDocument } from './openapi-document.js';
import { ApiProcess } from './process.js';

const config = configuredOrExit(apiConfig);
const logger = createLogger({ process: 'api', level: config.logLevel, runId: config.runId });
const metrics = new Metrics('api');
const log = createKafkaLog({
  brokers: config.kafka.brokers,
  clientId: 'fluxforge-api',
  onLog: (level, message, detail) => logger[level]({ detail }, message),
});
const models = openReadModels({ url: config.postgresUrl });
const cache = openCache(config, cacheTold(metrics, logger));
const api = new ApiProcess(config, {
  log,
  models,
  cache,
  logger,
  metrics,
  // Here and nowhere else: the pages need files of a package that test runners cannot load.
  extend: (app) => SwaggerModule.setup('docs', app, () => openApiDocument(app)),
});

runProcess({
  name: 'api',
  logger,
  start: () => {
    metrics.watchProcess();
    return api.start();
  },
  stop: () => api.stop(),
});
