import { type ContextName } from '@fluxforge/events/catalogue';
import { claimRecord, type Position } from '@fluxforge/events/journal';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';
import { verifyJournal, type JournalReport } from './verify.js';

export interface RepairOptions {
  readonly context: ContextName;
  readonly events: TopicPartition;
  /** Fresh, as of any owner. */
  readonly ownerId: string;
  /** The position that the operator has seen and agreed to; another one by now is not repaired. */
  readonly from: Position;
  readonly nowMs: number;
}

/** Readers do not go on from the repair; the message says what they make of the log now. */
export class RepairFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RepairFailed';
  }
}

const appendTimeoutMs = 10_000;

/**
 * Appends the claim that halted readers go on from: it names the last good position, and what lies between
 * that and the claim is void for everybody, for ever. Answers what readers make of the log then.
 * @throws RepairFailed, AppendError, ReadError
 */
export async function repairJournal(log: LogPort, options: RepairOptions): Promise<JournalReport> {
  const { context, events, ownerId, from, nowMs } = options;
  const before = await verifyJournal(log, events);
  if (before.halted === null) throw new RepairFailed('readers are not halted: there is nothing to repair');
  if (before.position.hash !== from.hash || before.position.seq !== from.seq)
    throw new RepairFailed('the last good position is another one by now; verify again');
  const terms = { epoch: from.epoch, term: from.term + 1 };
  const partition = events.partition;
  // Generation 0: whoever is placed here by the group may claim right after.
  const claimant = { context, partition, ownerId, address: '', generation: 0, repairFrom: from };
  await log.append(events, [claimRecord(claimant, terms, nowMs)], { timeoutMs: appendTimeoutMs });
  const after = await verifyJournal(log, events);
  if (after.halted !== null) throw new RepairFailed(`readers are still halted: ${after.halted}`);
  return after;
}
