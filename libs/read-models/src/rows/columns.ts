import { Column, PrimaryColumn, type ColumnOptions, type ValueTransformer } from 'typeorm';

/**
 * The few kinds of columns that the views are made of. What a row holds in memory is what the
 * decorated property says: times as ISO text, whole numbers as numbers. Both readers (TypeORM for
 * queries, SQL in bulk for folds) come to the same values.
 */
const wholeNumber: ValueTransformer = {
  to: (value: number | null) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};

const isoTime: ValueTransformer = {
  to: (value: string | null) => value,
  from: (value: Date | null) => (value === null ? null : value.toISOString()),
};

const options = {
  text: { type: 'text' },
  whole: { type: 'bigint', transformer: wholeNumber },
  real: { type: 'double precision' },
  flag: { type: 'boolean' },
  json: { type: 'jsonb' },
  bytes: { type: 'bytea' },
  time: { type: 'timestamptz', precision: 3, transformer: isoTime },
} as const satisfies Record<string, ColumnOptions>;

export type ColumnKind = keyof typeof options;

export const Key = (kind: 'text' | 'whole' = 'text') => PrimaryColumn(options[kind]);
export const Of = (kind: ColumnKind) => Column(options[kind]);
export const MaybeOf = (kind: ColumnKind) => Column({ ...options[kind], nullable: true });

/** The kind of a column by its SQL type. */
export function kindOf(type: unknown): ColumnKind {
  const found = Object.entries(options).find(([, o]) => o.type === type);
  if (!found) throw new Error(`no kind of column has the type ${String(type)}`);
  return found[0] as ColumnKind;
}
