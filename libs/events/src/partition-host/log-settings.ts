import { type ContextName } from '@fluxforge/events/catalogue';
import { type LogPort } from '@fluxforge/events/log';
import { topicsOf } from '@fluxforge/events/topics';

/** The log is not set up as the journal needs it; starting anyway would break promises in silence. */
export class UnsafeLog extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnsafeLog';
  }
}

/**
 * Refuses a log that can lose acknowledged records: replication below 3, fewer than 2 in-sync replicas
 * asked for, unclean elections, or a retention on events. In dev mode only the partition count is checked.
 */
export async function assertSafeLog(
  log: LogPort,
  options: {
    readonly context: ContextName;
    readonly topicPrefix: string;
    readonly partitions: number;
    readonly devMode: boolean;
  },
): Promise<void> {
  const topic = topicsOf(options.topicPrefix).events[options.context];
  const found = await log.topicSettings(topic);
  const flaws: string[] = [];
  if (found.partitions !== options.partitions)
    flaws.push(`${found.partitions} partitions, configured are ${options.partitions}`);
  if (found.config['cleanup.policy'] === 'compact') flaws.push('it is compacted, which destroys history');
  if (!options.devMode) {
    if (found.replication < 3) flaws.push(`replication ${found.replication}, needed are 3`);
    if (Number(found.config['min.insync.replicas'] ?? 1) < 2) flaws.push('min.insync.replicas below 2');
    if (found.config['unclean.leader.election.enable'] === 'true')
      flaws.push('unclean leader election is on');
    if (Number(found.config['retention.ms'] ?? -1) !== -1) flaws.push('events have a retention time');
  }
  if (flaws.length > 0)
    throw new UnsafeLog(`${topic}: ${flaws.join('; ')} (FLUXFORGE_DEV_MODE=true allows one broker)`);
}

const askAgainMs = 250;

/**
 * Waits until the log is there, then checks it: at a first start the topics are made while the hosts come
 * up. @throws UnsafeLog, or the last error when it is not there in time.
 */
export async function untilSafeLog(
  log: LogPort,
  options: Parameters<typeof assertSafeLog>[1],
  onWaiting: (error: unknown) => void,
  timeoutMs = 120_000,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  for (let first = true; ; first = false) {
    try {
      return await assertSafeLog(log, options);
    } catch (error: unknown) {
      if (error instanceof UnsafeLog || performance.now() > untilMs) throw error;
      if (first) onWaiting(error);
    }
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}
