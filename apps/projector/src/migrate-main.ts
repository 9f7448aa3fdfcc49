import { configuredOrExit, migrateConfig } from '@fluxforge/config';
import { migrate } from '@fluxforge/read-models';
import { createLogger } from '@fluxforge/telemetry';

const config = configuredOrExit(() => migrateConfig());
const logger = createLogger({ process: 'migrate', level: config.logLevel });

try {
  const names = await migrate({ url: config.postgresUrl });
  logger.info({ migrations: names }, names.length > 0 ? 'migrated' : 'nothing to migrate');
} catch (error: unknown) {
  logger.fatal({ err: error }, 'migration failed');
  process.exitCode = 1;
}
