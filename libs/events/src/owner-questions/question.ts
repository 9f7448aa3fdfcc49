import { createHmac, timingSafeEqual } from 'node:crypto';
import { Type, type Static } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { LimitsSchema, ModeSchema, TaskSpecSchema } from '@fluxforge/events/catalogue';

const closed = { additionalProperties: false };
const Id = Type.String({ minLength: 1, maxLength: 128 });

/** A run of the scheduler on a copy with these things changed. */
const Changes = Type.Object(
  {
    limits: Type.Optional(Type.Partial(LimitsSchema)),
    mode: Type.Optional(ModeSchema),
    drain: Type.Array(Id, { maxItems: 1_000 }),
    undrain: Type.Array(Id, { maxItems: 1_000 }),
    tasks: Type.Array(
      Type.Object({ spec: TaskSpecSchema, count: Type.Integer({ minimum: 1, maximum: 1_000 }) }, closed),
      { maxItems: 100 },
    ),
  },
  closed,
);

/** A time in the past: answered from the log, as far as it had come by then. */
const asOf = { as_of_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 })) };

/**
 * What an API server asks the owner of a partition: things that only the state in its memory can answer. Reads alone;
 * whatever changes anything is a command. An answer may run ahead of the log by the batch that is in flight.
 */
const Question = Type.Union([
  Type.Object({ kind: Type.Literal('explain-task'), tenant_id: Id, task_id: Id, ...asOf }, closed),
  Type.Object(
    { kind: Type.Literal('explain-target'), tenant_id: Id, state_id: Id, agent_id: Id, ...asOf },
    closed,
  ),
  Type.Object({ kind: Type.Literal('queue'), tenant_id: Id }, closed),
  /** How much is queued, without a look at each task, and how far the owner has come. */
  Type.Object({ kind: Type.Literal('queue-depth'), tenant_id: Id }, closed),
  /** How far the owner has come, and nothing else. */
  Type.Object({ kind: Type.Literal('pulse'), tenant_id: Id }, closed),
  Type.Object({ kind: Type.Literal('breakers'), tenant_id: Id }, closed),
  Type.Object({ kind: Type.Literal('simulate'), tenant_id: Id, changes: Changes }, closed),
]);
export type Question = Static<typeof Question>;
export type QuestionOf<K extends Question['kind']> = Extract<Question, { kind: K }>;

/** Longer ones are not sent, and not read to their end. */
export const questionLimitBytes = 1024 * 1024;

/** Null: not a question, or one of a later version. */
export function questionFrom(body: unknown): Question | null {
  return Value.Check(Question, body) ? body : null;
}

/** Both sides have the signing key; who has it not learns nothing and cannot ask. */
export function proofOf(signingKey: string): string {
  return createHmac('sha256', signingKey).update('fluxforge owner question').digest('hex');
}

export function proves(signingKey: string, authorization: string | undefined): boolean {
  const given = Buffer.from(authorization ?? '');
  const wanted = Buffer.from(`Bearer ${proofOf(signingKey)}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
