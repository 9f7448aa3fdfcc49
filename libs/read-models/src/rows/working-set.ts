import { type RowKey, type SqlRunner, type Table } from './table.js';

const separator = '\u0000';

/**
 * The rows of one table that a batch of events touches. Before the fold every row that it may ask for
 * is named (`want`) and loaded in one go; the fold then reads and writes in memory, event by event, so
 * that the outcome does not depend on how the log was cut into batches; after it what changed goes back
 * in one go (`flush`). The rows in here are the set's own: a transaction that is tried again begins with
 * a new set.
 */
export class WorkingSet<Row extends object> {
  private readonly wanted = new Map<string, RowKey>();
  private readonly rows = new Map<string, Row>();
  private readonly changed = new Map<string, RowKey>();
  private readonly droppedGroups = new Map<string, RowKey>();

  constructor(private readonly table: Table<Row>) {}

  want(...key: RowKey): void {
    this.wanted.set(key.join(separator), key);
  }

  get(...key: RowKey): Row | undefined {
    return this.rows.get(key.join(separator));
  }

  put(row: Row): void {
    const key = this.table.keyOf(row);
    const text = key.join(separator);
    this.rows.set(text, row);
    this.changed.set(text, key);
  }

  /** Changes a row that is there, in place: a copy of thirty fields for each event would cost more than the fold. */
  patch(key: RowKey, change: Partial<Row>): void {
    const text = key.join(separator);
    const row = this.rows.get(text);
    if (!row) return;
    Object.assign(row, change);
    this.changed.set(text, key);
  }

  delete(...key: RowKey): void {
    const text = key.join(separator);
    this.rows.delete(text);
    this.changed.set(text, key);
  }

  /** Deletes every row whose key begins so, those that were not loaded included. */
  dropGroup(...group: RowKey): void {
    const prefix = group.join(separator) + separator;
    for (const text of this.rows.keys()) {
      if (text.startsWith(prefix)) this.rows.delete(text);
    }
    for (const text of this.changed.keys()) {
      if (text.startsWith(prefix)) this.changed.delete(text);
    }
    this.droppedGroups.set(prefix, group);
  }

  /** What was wanted since the last time. */
  async load(sql: SqlRunner): Promise<void> {
    const keys = [...this.wanted.values()];
    this.wanted.clear();
    for (const row of await this.table.load(sql, keys)) {
      this.rows.set(this.table.keyOf(row).join(separator), row);
    }
  }

  async flush(sql: SqlRunner): Promise<void> {
    const upserts: Row[] = [];
    const deletes: RowKey[] = [];
    for (const [text, key] of this.changed) {
      const row = this.rows.get(text);
      if (row) upserts.push(row);
      else deletes.push(key);
    }
    // Groups first: rows that were put after their group was dropped are among the upserts.
    await this.table.delete(sql, [...this.droppedGroups.values()]);
    await this.table.delete(sql, deletes);
    await this.table.upsert(sql, upserts);
  }

  /** All rows now held. */
  all(): Row[] {
    return [...this.rows.values()];
  }
}
