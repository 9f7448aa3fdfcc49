import { Field, time } from '../fields/index.js';
import { ProblemError } from '../http/index.js';

export class AsOfQuery {
  @Field(time, {
    description:
      'A time in the past: answered from the log as it was then. What no event says is presumed, and `assumed` lists it: ' +
      '`agents_connected` (agents that were found and not lost), `no_agent_kept` (for a large task that had waited), ' +
      '`output_quota_open` (no task of before holds the output quota). A time that is further from a kept snapshot than one question may read is refused (`history_too_long`).',
    schema: { format: 'date-time' },
  })
  as_of?: string;
}

/** Null: now. What is to come is in no log. */
export function timeOf({ as_of: text }: AsOfQuery, nowMs: number): number | null {
  if (text === undefined) return null;
  const atMs = Date.parse(text);
  if (atMs <= nowMs) return atMs;
  const errors = [{ field: 'as_of', code: 'out_of_range', message: 'lies in the future' }] as const;
  throw new ProblemError('invalid_parameter', 'as_of: lies in the future', { errors });
}
