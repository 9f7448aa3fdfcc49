import { getMetadataArgsStorage } from 'typeorm';
import { type ColumnKind, kindOf } from './columns.js';
import { storableJson, storableText } from './storable.js';

/** Anything that runs SQL: a pg client, or one within a transaction. */
export interface SqlRunner {
  query(statement: {
    name: string;
    text: string;
    values: unknown[];
  }): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
}

interface ColumnShape {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly isKey: boolean;
}

export type KeyPart = string | number;
export type RowKey = readonly KeyPart[];

// How a column travels: the array type of its parameter, and the expression that makes the column of it.
const travel: Record<ColumnKind, { array: string; expression: (column: string) => string }> = {
  text: { array: 'text[]', expression: (c) => c },
  whole: { array: 'bigint[]', expression: (c) => c },
  real: { array: 'double precision[]', expression: (c) => c },
  flag: { array: 'boolean[]', expression: (c) => c },
  json: { array: 'text[]', expression: (c) => `${c}::jsonb` },
  bytes: { array: 'text[]', expression: (c) => `decode(${c}, 'base64')` },
  time: { array: 'timestamptz[]', expression: (c) => c },
};

/**
 * Bulk SQL for one table, made from its entity, so that columns are written down once. Every statement
 * takes one array per column and moves any number of rows in one round trip.
 */
export class Table<Row extends object> {
  readonly name: string;
  private readonly columns: readonly ColumnShape[];
  private readonly keys: readonly ColumnShape[];

  constructor(
    entity: new () => Row,
    /** `ignore`: a row that is there already stays as it is. */
    private readonly onConflict: 'update' | 'ignore' = 'update',
  ) {
    const storage = getMetadataArgsStorage();
    const table = storage.tables.find((t) => t.target === entity);
    if (!table?.name) throw new Error(`${entity.name} is no entity with a table name`);
    this.name = table.name;
    this.columns = storage.columns
      .filter((c) => c.target === entity)
      .map((c) => ({
        name: c.propertyName,
        kind: kindOf(c.options.type),
        isKey: c.options.primary === true,
      }));
    this.keys = this.columns.filter((c) => c.isKey);
  }

  keyOf(row: Row): RowKey {
    return this.keys.map((key) => (row as Record<string, KeyPart>)[key.name]!);
  }

  async load(sql: SqlRunner, keys: readonly RowKey[]): Promise<Row[]> {
    if (keys.length === 0) return [];
    const found = await sql.query({
      name: `load_${this.name}`,
      text: this.loadText(),
      values: this.keys.map((_, i) => keys.map((key) => key[i])),
    });
    return found.rows as Row[];
  }

  async upsert(sql: SqlRunner, rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await sql.query({
      name: `upsert_${this.name}`,
      text: this.upsertText(),
      values: this.columns.map((column) => rows.map((row) => encode(column, row as Record<string, unknown>))),
    });
  }

  /** Deletes by the first columns of the key: whole keys, or groups of rows that share their beginning. */
  async delete(sql: SqlRunner, keys: readonly RowKey[]): Promise<void> {
    const width = keys[0]?.length ?? 0;
    if (width === 0) return;
    const columns = this.keys.slice(0, width);
    const on = columns.map((c) => `t."${c.name}" = k."${c.name}"`).join(' AND ');
    await sql.query({
      name: `delete_${this.name}_${width}`,
      text: `DELETE FROM "${this.name}" t USING ${unnest(columns, 'k')} WHERE ${on}`,
      values: columns.map((_, i) => keys.map((key) => key[i])),
    });
  }

  private loadText(): string {
    const columns = this.columns.map((c) => `t."${c.name}"`).join(', ');
    const on = this.keys.map((c) => `t."${c.name}" = k."${c.name}"`).join(' AND ');
    return `SELECT ${columns} FROM ${unnest(this.keys, 'k')} JOIN "${this.name}" t ON ${on}`;
  }

  private upsertText(): string {
    const names = this.columns.map((c) => `"${c.name}"`).join(', ');
    const values = this.columns.map((c) => travel[c.kind].expression(`u."${c.name}"`)).join(', ');
    const conflict = this.keys.map((c) => `"${c.name}"`).join(', ');
    const others = this.columns.filter((c) => !c.isKey);
    const action =
      this.onConflict === 'ignore' || others.length === 0
        ? 'NOTHING'
        : `UPDATE SET ${others.map((c) => `"${c.name}" = EXCLUDED."${c.name}"`).join(', ')}`;
    return (
      `INSERT INTO "${this.name}" (${names}) SELECT ${values} ` +
      `FROM ${unnest(this.columns, 'u')} ON CONFLICT (${conflict}) DO ${action}`
    );
  }
}

function unnest(columns: readonly ColumnShape[], alias: string): string {
  const parameters = columns.map((c, i) => `$${i + 1}::${travel[c.kind].array}`).join(', ');
  return `unnest(${parameters}) AS ${alias}(${columns.map((c) => `"${c.name}"`).join(', ')})`;
}

function encode(column: ColumnShape, row: Record<string, unknown>): unknown {
  const value = row[column.name];
  if (value === null || value === undefined) return null;
  switch (column.kind) {
    case 'text':
      return storableText(value as string);
    case 'json':
      return storableJson(value);
    case 'bytes':
      return (value as Buffer).toString('base64');
    case 'whole':
    case 'real':
    case 'flag':
    case 'time':
      return value;
  }
}
