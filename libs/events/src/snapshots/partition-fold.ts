import { type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { PoisonRecord } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog, type Covered, type Position } from '@fluxforge/events/journal';
import { type RecordBatch } from '@fluxforge/events/log';
import {
  coveredWith,
  factOf,
  foldedInto,
  foldForeign,
  ForeignSource,
  type HostContext,
  type Snapshot,
} from '@fluxforge/events/partition-host';

/** The other context's log is not what the own log says was read of it. */
export class ForeignMismatch extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForeignMismatch';
  }
}

/**
 * What readers accept of one partition, folded as its owner does when it recovers: its own events, and the
 * other context's up to what the last own record covers. Without I/O; whoever feeds it batches in log order
 * can take a snapshot. It knows nothing of batches in flight, since it sees only what is in the log.
 */
export class PartitionFold<State, Own extends EventBody, Foreign extends EventBody> {
  private state: State;
  private readonly reader: JournalReader;
  private readonly foreign = new ForeignSource();
  /** Right behind the last accepted event: there a snapshot can be compared with the log by one record. */
  private settled: Position | null = null;
  private recorded: Covered;
  private foreignAt: Position;
  private lastEventMs: number;

  /** @throws when the snapshot's state cannot be read; whoever loaded it has looked at its shape */
  constructor(
    private readonly context: HostContext<State, unknown, unknown, Own, Foreign>,
    partition: number,
    from: Snapshot | null,
  ) {
    this.state = from ? this.readable(from.state) : context.initial(partition);
    this.reader = new JournalReader(from?.position ?? startOfLog);
    this.recorded = { commands: from?.commands ?? 0, foreign: from?.foreign ?? startOfLog };
    this.foreignAt = this.recorded.foreign;
    this.foreign.restart(this.foreignAt);
    this.lastEventMs = from?.lastEventMs ?? 0;
    this.settled = from?.position ?? null;
  }

  /** The offset of the own log that is to be fed next. */
  get next(): number {
    return this.reader.position.next;
  }

  /** The offset up to which the own log covers the other one. */
  get foreignCovered(): number {
    return this.recorded.foreign.next;
  }

  /** Why the own log cannot be read on, or null. A repair claim further on ends that. */
  get halted(): string | null {
    return this.reader.halted;
  }

  /** Takes in records of the own log. Answers how many of them were accepted. */
  feedOwn(batch: RecordBatch): number {
    let accepted = 0;
    for (const record of batch.records) {
      if (record.offset < this.reader.position.next) continue;
      if (this.reader.read(record).kind !== 'accepted') continue;
      accepted += 1;
      this.settled = this.reader.position;
      this.recorded = coveredWith(record, this.recorded);
      const fact = factOf(record);
      if (fact instanceof PoisonRecord) continue;
      this.lastEventMs = Math.max(this.lastEventMs, fact.timeMs);
      this.context.evolve(this.state, fact as Fact<Own>);
    }
    this.reader.passTo(batch.next);
    return accepted;
  }

  /**
   * From which offset the other context's log must be fed before a snapshot can be taken, or null when the
   * foreign view is folded as far as the own log covers it.
   */
  get foreignWanted(): number | null {
    this.foldForeign();
    return this.foreignAt.next < this.recorded.foreign.next ? this.foreign.next : null;
  }

  /** @throws ForeignMismatch when the other context's log is corrupt */
  feedForeign(batch: RecordBatch): void {
    this.foreign.feed(batch);
    if (this.foreign.halted !== null) throw new ForeignMismatch(this.foreign.halted);
  }

  /**
   * The state itself, for who lets this fold go. Only once nothing foreign is wanted.
   * @throws ForeignMismatch when the other context has another history than the one that is covered
   */
  get folded(): State {
    this.checkWhole();
    return this.state;
  }

  /**
   * The state as it stands, or null before the first event. Only once nothing foreign is wanted.
   * @throws ForeignMismatch when the other context has another history than the one that is covered
   */
  snapshot(): Snapshot | null {
    if (!this.settled) return null;
    this.checkWhole();
    const state = this.context.serialize(this.state);
    // Whoever takes over reads this text, so it is read here first. It also drops what piles up in a state
    // that only folds: timers and marks that an owner's plan would have used up.
    this.state = this.readable(state);
    const { commands, foreign } = this.recorded;
    return { position: this.settled, commands, foreign, lastEventMs: this.lastEventMs, state };
  }

  private checkWhole(): void {
    if (this.foreignWanted !== null) throw new Error('the foreign view is not whole');
    if (this.foreignAt.hash !== this.recorded.foreign.hash)
      throw new ForeignMismatch('the other context has another history than the one that is covered');
  }

  private foldForeign(): void {
    this.foreignAt = foldForeign(this.foreign, this.foreignAt, this.recorded.foreign, (fact) =>
      foldedInto(this.context, this.state, fact),
    );
  }

  private readable(text: string): State {
    const state = this.context.deserialize(text);
    if (state === null) throw new Error('the state is of another shape');
    return state;
  }
}
