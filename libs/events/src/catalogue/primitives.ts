import { Type, type Static } from '@sinclair/typebox';

/** Shapes that commands and events share. Field names are those of the REST API: one case for the whole contract. */

/** Opaque to users; safe in paths, topics and shell words. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$' });
export const Name = Type.String({ minLength: 1, maxLength: 128 });
export const Text = Type.String({ maxLength: 2048 });
export const Hash = Type.String({ pattern: '^[0-9a-f]{32,64}$' });
/** An idempotency key, and what was said under it. */
export const Keyed = Type.Object({ key_hash: Hash, body_hash: Hash }, { additionalProperties: false });
/** Milliseconds since the epoch. */
export const TimeMs = Type.Integer({ minimum: 0 });
/** A span in milliseconds. Bounded to a year, well below what timers and arithmetic can hold. */
export const SpanMs = Type.Integer({ minimum: 0, maximum: 366 * 24 * 3600 * 1000 });
export const Count = Type.Integer({ minimum: 0 });
export const Attempt = Type.Integer({ minimum: 1 });
/** How often an id has been opened: a reuse of an idempotency key after its window opens the next life. */
export const Life = Type.Integer({ minimum: 1 });
export const Generation = Type.Integer({ minimum: 1 });
/** Rises with every apply, generation change and check timeout; a check result of another round moves nothing. */
export const Round = Type.Integer({ minimum: 1 });

export const Labels = Type.Record(Type.String({ maxLength: 63 }), Type.String({ maxLength: 63 }), {
  maxProperties: 64,
});
export type Labels = Static<typeof Labels>;

/** A string runs as `/bin/sh -c STRING`; an array is an argv and sees no shell. */
export const CommandLine = Type.Union([
  Type.String({ minLength: 1, maxLength: 65536 }),
  Type.Array(Type.String({ maxLength: 65536 }), { minItems: 1, maxItems: 256 }),
]);
export type CommandLine = Static<typeof CommandLine>;

export const Environment = Type.Record(Type.String({ maxLength: 256 }), Type.String({ maxLength: 32768 }), {
  maxProperties: 128,
});

/** How a command is run on the machine. */
export const RunAs = {
  env: Type.Optional(Environment),
  cwd: Type.Optional(Type.String({ maxLength: 4096 })),
  run_as: Type.Optional(Type.String({ maxLength: 64 })),
};

/**
 * Which agents: every term must hold. `equals` has one value, `in` and `not-in` have a list, `exists`
 * and `not-exists` none. The text form is parsed at the API; the log holds the terms.
 */
export const SelectorTerm = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 63 }),
    op: Type.Union([
      Type.Literal('in'),
      Type.Literal('not-in'),
      Type.Literal('exists'),
      Type.Literal('not-exists'),
    ]),
    values: Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 }),
  },
  { additionalProperties: false },
);
export const Selector = Type.Array(SelectorTerm, { maxItems: 32 });
export type SelectorTerm = Static<typeof SelectorTerm>;
export type Selector = Static<typeof Selector>;

/** A number of agents, or a percentage of them (rounded up). */
export const Budget = Type.Union([
  Type.Object({ count: Type.Integer({ minimum: 0, maximum: 1_000_000 }) }, { additionalProperties: false }),
  Type.Object({ percent: Type.Integer({ minimum: 0, maximum: 100 }) }, { additionalProperties: false }),
]);
export type Budget = Static<typeof Budget>;

/** Waiting before attempt n + 1: base x 2^(n-1), at most `max_ms`, times a drawn factor of 0.5 to 1. */
export const Backoff = Type.Object({ base_ms: SpanMs, max_ms: SpanMs }, { additionalProperties: false });
export type Backoff = Static<typeof Backoff>;

/** What a run printed, as counted by the agent. Bytes, not characters. */
export const OutputSummary = Type.Object(
  {
    stdout_bytes: Count,
    stderr_bytes: Count,
    truncated: Type.Boolean(),
  },
  { additionalProperties: false },
);
export type OutputSummary = Static<typeof OutputSummary>;

/**
 * When something is allowed or denied: from each time that the cron expression names, for `duration_ms`.
 * Five fields (minute to day of week), in an IANA time zone.
 */
export const CronExpression = Type.String({ minLength: 9, maxLength: 256 });
export const TimeZone = Type.String({ minLength: 1, maxLength: 64 });

export const ModeSource = Type.Union([Type.Literal('operator'), Type.Literal('overload')]);
export type ModeSource = Static<typeof ModeSource>;
