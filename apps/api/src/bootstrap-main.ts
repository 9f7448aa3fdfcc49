import { Command } from 'commander';
import { commonConfig, configuredOrExit } from '@fluxforge/config';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { bootstrap } from './bootstrap/index.js';
import { CommandIngest } from './commands/index.js';
import { Directory, DirectoryFollower } from './directory/index.js';

/** Makes what must be there before anyone can ask for anything: topics, a tenant, its key. May be run again. */
const options = new Command('bootstrap')
  .requiredOption('--tenant <name>', 'name of the tenant')
  .option('--topics-only', 'create the topics and nothing else')
  .option('--timeout-s <seconds>', 'how long to wait for a dispatcher', '60')
  .parse()
  .opts<{ tenant: string; topicsOnly?: boolean; timeoutS: string }>();

const config = configuredOrExit(commonConfig);
const { topicPrefix, partitions, devMode, brokers } = config.kafka;
// Only the answer goes to standard output; whoever runs this reads that line.
const logger = createLogger({ process: 'bootstrap', level: config.logLevel, destination: process.stderr });
const log = createKafkaLog({
  brokers,
  clientId: 'fluxforge-bootstrap',
  onLog: (level, message, detail) => logger[level]({ detail }, message),
});
const topics = topicsOf(topicPrefix);
const directory = new Directory(partitions);
const follower = new DirectoryFollower(log, topics.directory, directory, logger);
const ingest = new CommandIngest(
  log,
  { partitions, topics, timeoutMs: 5_000, nowMs: Date.now },
  new Metrics('bootstrap'),
);

try {
  const durability = devMode
    ? { partitions, replication: 1, minInsyncReplicas: 1 }
    : { partitions, replication: 3, minInsyncReplicas: 2 };
  await log.ensureTopics(topicSpecs(topicPrefix, durability));
  if (!options.topicsOnly) {
    await follower.start(partitions);
    await follower.loaded;
    const made = await bootstrap(
      options.tenant,
      { ingest, directory, follower },
      Number(options.timeoutS) * 1000,
    );
    process.stdout.write(`${JSON.stringify(made)}\n`);
  }
} catch (error: unknown) {
  logger.fatal({ err: error }, 'bootstrap failed');
  process.exitCode = 1;
} finally {
  await follower.close();
  await log.close();
}
