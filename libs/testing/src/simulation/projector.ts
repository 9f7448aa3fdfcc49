import { header } from '@fluxforge/events/envelope';
import { JournalReader, type Position, startOfLog } from '@fluxforge/events/journal';
import { type StoredRecord, type TopicPartition } from '@fluxforge/events/log';
import { type Counters } from './counters.js';
import { type FaultyLog } from './faulty-log.js';
import { type JournalModel } from './journal-model.js';
import { type Prng } from './prng.js';
import { type Timeline } from './timeline.js';
import { insist } from './violation.js';

interface Row {
  readonly events: number;
  readonly last: string;
}

/** A table with the position that its rows stand for, changed together or not at all. */
interface Stored {
  readonly rows: Map<string, Row>;
  position: Position;
}

/** A projection of one events partition: the production reader, a model table, and crashes in between. */
export class Projector {
  private readonly stored: Stored = { rows: new Map(), position: startOfLog };
  private reader = new JournalReader(startOfLog);
  private busy = false;

  constructor(
    private readonly timeline: Timeline,
    private readonly log: FaultyLog,
    private readonly prng: Prng,
    private readonly counters: Counters,
    readonly tp: TopicPartition,
    private crashes: number,
  ) {}

  heal(): void {
    this.crashes = 0;
  }

  get isAtEnd(): boolean {
    return this.stored.position.next >= this.log.core.end(this.tp);
  }

  /** There is something new. */
  wake(): void {
    if (this.busy || this.reader.position.next >= this.log.core.end(this.tp)) return;
    this.busy = true;
    this.timeline.after(this.prng.between(5, 120), 'project', () => {
      this.busy = false;
      this.project();
      this.wake();
    });
  }

  private project(): void {
    const { reader } = this;
    const batch = this.log.core.read(this.tp, reader.position.next, this.prng.between(1, 60));
    const changed = new Map<string, Row>();
    for (const record of batch.records) {
      if (reader.read(record).kind !== 'accepted') continue;
      const key = keyOf(record);
      changed.set(key, folded(changed.get(key) ?? this.stored.rows.get(key), record));
    }
    reader.passTo(batch.next);
    const crash = this.prng.next();
    if (crash >= this.crashes / 2) this.commit(changed, reader.position);
    if (crash < this.crashes) {
      // Before the commit or after it: what comes next begins where the table says.
      this.counters.add('projector crash');
      this.reader = new JournalReader(this.stored.position);
    }
  }

  private commit(changed: ReadonlyMap<string, Row>, position: Position): void {
    for (const [key, row] of changed) this.stored.rows.set(key, row);
    this.stored.position = position;
  }

  /** The table is the fold of what the log says, no more and no less. */
  compare(journal: JournalModel): void {
    const { position, rows } = this.stored;
    const end = this.log.core.end(this.tp);
    insist(
      position.next === end,
      'I4 read model',
      () => `${journal.name}: stands at ${position.next} of ${end}`,
    );
    const expected = new Map<string, Row>();
    for (const { event } of journal.accepted) {
      const { fact } = event;
      const key = `${fact.tenantId}/${fact.subject}`;
      const before = expected.get(key);
      expected.set(key, { events: (before?.events ?? 0) + 1, last: fact.id });
    }
    insist(
      expected.size === rows.size,
      'I4 read model',
      () => `${journal.name}: ${rows.size} rows, not ${expected.size}`,
    );
    for (const [key, row] of expected) {
      const found = rows.get(key);
      const same = found?.events === row.events && found.last === row.last;
      insist(
        same,
        'I4 read model',
        () => `${journal.name}: ${key} is ${JSON.stringify(found)}, not ${JSON.stringify(row)}`,
      );
    }
  }
}

function keyOf({ headers }: StoredRecord): string {
  return `${headers[header.tenant]}/${headers[header.subject]}`;
}

function folded(before: Row | undefined, { headers }: StoredRecord): Row {
  return { events: (before?.events ?? 0) + 1, last: headers[header.id] ?? '' };
}
