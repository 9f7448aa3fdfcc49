import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { commonConfig, configuredOrExit } from '@fluxforge/config';
import { type ContextName } from '@fluxforge/events/catalogue';
import { formatPosition, newOwnerId } from '@fluxforge/events/journal';
import { repairJournal, verifyJournal, type JournalReport } from '@fluxforge/events/journal-repair';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';
import { topicsOf } from '@fluxforge/events/topics';

/** An operator's look at an events partition, and the way out when its readers have halted. */
interface Asked {
  readonly context: ContextName;
  readonly partition: number;
  readonly json?: boolean;
  readonly yes?: boolean;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => {
  process.stderr.write(`${line}\n`);
  process.exitCode = 1;
};

function show(asked: Asked, events: TopicPartition, report: JournalReport): void {
  const { claims, accepted, skipped, endOffset, position, corruptions, halted } = report;
  if (asked.json) {
    const shown = { topic: events.topic, partition: events.partition, claims, accepted, skipped };
    say(
      JSON.stringify({
        ...shown,
        end_offset: endOffset,
        position: formatPosition(position),
        corruptions,
        halted,
      }),
    );
    return;
  }
  say(`${events.topic}[${events.partition}], offsets 0 to ${endOffset}`);
  say(`claims that counted: ${claims}`);
  say(`accepted: ${accepted}`);
  for (const [reason, count] of Object.entries(skipped)) say(`skipped, ${reason}: ${count}`);
  for (const { offset, message } of corruptions) say(`corrupt record at offset ${offset}: ${message}`);
  say(`${halted === null ? 'end position' : 'last good position'}: ${formatPosition(position)}`);
  if (halted === null && corruptions.length > 0) say('repaired: readers go on behind each corrupt record');
}

async function verify(log: LogPort, asked: Asked, events: TopicPartition): Promise<void> {
  const report = await verifyJournal(log, events);
  show(asked, events, report);
  if (report.halted !== null) complain(`CORRUPT, readers are halted: ${report.halted}`);
}

async function repair(log: LogPort, asked: Asked, events: TopicPartition): Promise<void> {
  const report = await verifyJournal(log, events);
  show(asked, events, report);
  if (report.halted === null) return say('readers are not halted: nothing to repair');
  const lost = report.endOffset - report.position.next;
  if (!asked.yes) {
    complain(
      `readers will go on at ${formatPosition(report.position)}; the ${lost} offsets from there to the end ` +
        'become void for ever. Say --yes to append that claim.',
    );
    return;
  }
  const ownerId = newOwnerId(randomBytes);
  const { context } = asked;
  const after = await repairJournal(log, {
    context,
    events,
    ownerId,
    from: report.position,
    nowMs: Date.now(),
  });
  say(`repaired: readers stand at ${formatPosition(after.position)}`);
  say('owners that have stopped go on when they are placed here again: restart them');
}

function run(work: (log: LogPort, asked: Asked, events: TopicPartition) => Promise<void>) {
  return async (asked: Asked): Promise<void> => {
    const { kafka } = configuredOrExit(commonConfig);
    const log = createKafkaLog({ brokers: kafka.brokers, clientId: 'fluxforge-journal' });
    const topic = topicsOf(kafka.topicPrefix).events[asked.context];
    try {
      await work(log, asked, { topic, partition: asked.partition });
    } catch (error: unknown) {
      complain(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    } finally {
      await log.close();
    }
  };
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text)) throw new Error(`--partition is a whole number, not "${text}"`);
  return Number(text);
}

const context = new Option('--context <name>', 'whose events')
  .choices(['tasks', 'states'])
  .makeOptionMandatory();
const program = new Command('journal').description('looks at an events partition as its readers do');
program
  .command('verify')
  .description('reads the whole partition, checks the hash chain; exit code 1 when readers are halted')
  .addOption(context)
  .requiredOption('--partition <number>', 'which one', wholeNumber)
  .option('--json', 'one line of JSON')
  .action(run(verify));
program
  .command('repair')
  .description('appends a claim that names the last good position, so that halted readers go on')
  .addOption(context)
  .requiredOption('--partition <number>', 'which one', wholeNumber)
  .option('--json', 'what was found as one line of JSON')
  .option('--yes', 'do it; without this it is only said what would be done')
  .action(run(repair));

await program.parseAsync();
