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

/** The array type of a column's parameter; JSON goes another way. */
const arrayTypes: Record<Exclude<ColumnKind, 'json'>, string> = {
  text: 'text[]',
  whole: 'bigint[]',
  real: 'double precision[]',
  flag: 'boolean[]',
  bytes: 'text[]',
  time: 'timestamptz[]',
};

/**
 * Bulk SQL for one table, made from its entity, so that columns are written down once. Every statement
 * takes one array per column and moves any number of rows in one round trip.
 */
export class Table<Row extends object> {
  readonly name: string;
  private readonly columns: readonly ColumnShape[];
  private readonly keys: readonly ColumnShape[];
  /** As they travel: the arrays first, then one parameter for each JSON column. */
  private readonly ordered: readonly ColumnShape[];

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
    this.ordered = [...this.columns].sort((a, b) => Number(a.kind === 'json') - Number(b.kind === 'json'));
  }

  keyOf(row: Row): RowKey {
    return this.keys.map((key) => (row as Record<string, KeyPart>)[key.name]!);
  }

  async load(sql: SqlRunner, keys: readonly RowKey[]): Promise<Row[]> {
    if (keys.length === 0) return [];
    const found = await sql.query({
      name: `load_${this.name}`,
      text: this.loadText(),
      values: keyParameters(this.keys, keys),
    });
    return found.rows as Row[];
  }

  async upsert(sql: SqlRunner, rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await sql.query({
      name: `upsert_${this.name}`,
      text: this.upsertText(),
      values: this.ordered.map((column) => parameter(column, rows as readonly Record<string, unknown>[])),
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
      values: keyParameters(columns, keys),
    });
  }

  private loadText(): string {
    const columns = this.columns.map((c) => `t."${c.name}"`).join(', ');
    const on = this.keys.map((c) => `t."${c.name}" = k."${c.name}"`).join(' AND ');
    return `SELECT ${columns} FROM ${unnest(this.keys, 'k')} JOIN "${this.name}" t ON ${on}`;
  }

  private upsertText(): string {
    const names = this.ordered.map((c) => `"${c.name}"`).join(', ');
    const values = this.ordered.map(expression).join(', ');
    const conflict = this.keys.map((c) => `"${c.name}"`).join(', ');
    const others = this.columns.filter((c) => !c.isKey);
    const action =
      this.onConflict === 'ignore' || others.length === 0
        ? 'NOTHING'
        : `UPDATE SET ${others.map((c) => `"${c.name}" = EXCLUDED."${c.name}"`).join(', ')}`;
    return (
      `INSERT INTO "${this.name}" (${names}) SELECT ${values} ` +
      `FROM ${rowsFrom(this.ordered)} ON CONFLICT (${conflict}) DO ${action}`
    );
  }
}

function unnest(columns: readonly ColumnShape[], alias: string): string {
  const parameters = columns.map((c, i) => `$${i + 1}::${arrayTypes[c.kind as 'text']}`).join(', ');
  return `unnest(${parameters}) AS ${alias}(${columns.map((c) => `"${c.name}"`).join(', ')})`;
}

/**
 * All columns side by side. A JSON column is one JSON array: escaped into a text array it would be
 * scanned several times more on either side.
 */
function rowsFrom(ordered: readonly ColumnShape[]): string {
  const functions = ordered.map((c, i) =>
    c.kind === 'json' ? `jsonb_array_elements($${i + 1}::jsonb)` : `unnest($${i + 1}::${arrayTypes[c.kind]})`,
  );
  return `ROWS FROM (${functions.join(', ')}) AS u(${ordered.map((c) => `"${c.name}"`).join(', ')})`;
}

function expression({ name, kind }: ColumnShape): string {
  if (kind === 'json') return `NULLIF(u."${name}", 'null'::jsonb)`;
  return kind === 'bytes' ? `decode(u."${name}", 'base64')` : `u."${name}"`;
}

function keyParameters(columns: readonly ColumnShape[], keys: readonly RowKey[]): string[] {
  return columns.map((column, i) =>
    arrayLiteral(
      column.kind,
      keys.map((key) => key[i]),
    ),
  );
}

function parameter(column: ColumnShape, rows: readonly Record<string, unknown>[]): string {
  const values = rows.map((row) => row[column.name] ?? null);
  return column.kind === 'json'
    ? `[${values.map(storableJson).join(',')}]`
    : arrayLiteral(column.kind, values);
}

/** Postgres's text form of an array. Only what can hold quotes and backslashes is searched for them. */
function arrayLiteral(kind: ColumnKind, values: readonly unknown[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : element(kind, value))).join(',')}}`;
}

function element(kind: ColumnKind, value: unknown): string {
  switch (kind) {
    case 'text':
      return `"${storableText(value as string).replace(special, '\\$&')}"`;
    case 'bytes':
      return `"${(value as Buffer).toString('base64')}"`;
    case 'time':
      return `"${value as string}"`;
    default:
      return String(value);
  }
}

const special = /["\\]/g;
