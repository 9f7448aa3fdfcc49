import { type ObjectLiteral, type SelectQueryBuilder } from 'typeorm';
import { BadCursor, defaultPageSize, maxPageSize, type Page, type PageRequest } from './common.js';

type CursorValue = string | number;

export interface Ordering<Entity> {
  /** Names the list, so that a cursor of another one is noticed. */
  readonly list: string;
  /** Together unique within the tenant: the order is total, and a page begins exactly where the last one ended. */
  readonly columns: readonly (keyof Entity & string)[];
  readonly descending?: boolean;
}

export function pageSize(limit: number | undefined, most = maxPageSize): number {
  return Math.max(1, Math.min(Math.trunc(limit ?? defaultPageSize), most));
}

export function encodeCursor(list: string, values: readonly CursorValue[]): string {
  return Buffer.from(JSON.stringify([list, ...values])).toString('base64url');
}

/** @throws BadCursor */
export function decodeCursor(
  list: string,
  cursor: string,
  types: readonly ('string' | 'number')[],
): CursorValue[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new BadCursor();
  }
  if (!Array.isArray(parsed) || parsed.length !== types.length + 1 || parsed[0] !== list)
    throw new BadCursor();
  const values = parsed.slice(1) as unknown[];
  // A value of another kind would only fail in Postgres, as if it were our mistake.
  if (!values.every((value, i) => typeof value === types[i])) throw new BadCursor();
  return values as CursorValue[];
}

/** One page behind the cursor, found by key: its cost does not grow with the pages before it. */
export async function pageOf<Entity extends ObjectLiteral, Row>(
  query: SelectQueryBuilder<Entity>,
  ordering: Ordering<Entity>,
  request: PageRequest,
  rowOf: (entity: Entity) => Row,
): Promise<Page<Row>> {
  const { list, columns, descending = false } = ordering;
  const limit = pageSize(request.limit);
  const types = columns.map((c) => (numericColumns.has(c) ? ('number' as const) : ('string' as const)));
  if (request.cursor) {
    const values = decodeCursor(list, request.cursor, types);
    if (columns.some((c, i) => timeColumns.has(c) && Number.isNaN(Date.parse(String(values[i])))))
      throw new BadCursor();
    const left = columns.map((c) => `t.${c}`).join(', ');
    const right = columns.map((_, i) => `:after${i}`).join(', ');
    query.andWhere(
      `(${left}) ${descending ? '<' : '>'} (${right})`,
      Object.fromEntries(values.map((value, i) => [`after${i}`, value])),
    );
  }
  for (const column of columns) query.addOrderBy(`t.${column}`, descending ? 'DESC' : 'ASC');
  const found = await query.limit(limit + 1).getMany();
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const more = found.length > limit && last !== undefined;
  return {
    items: items.map(rowOf),
    next_cursor: more
      ? encodeCursor(
          list,
          columns.map((c) => last[c] as CursorValue),
        )
      : null,
  };
}

const numericColumns = new Set(['offset', 'seq', 'arrival', 'life', 'attempt']);
const timeColumns = new Set(['created_at', 'time']);
