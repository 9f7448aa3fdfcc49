import { type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { decodeEvent, header, PoisonRecord } from '@fluxforge/events/envelope';
import { parsePosition, type Covered, type Position } from '@fluxforge/events/journal';
import { type StoredRecord } from '@fluxforge/events/log';
import { type ForeignSource } from './inputs.js';

/*
 * How a state is made from the log, shared by the owner that recovers and by the follower that makes its
 * snapshots: own records first, then the other context's up to what the last own record covers.
 */

/** What is covered according to this record of the own log, the last one so far. */
export function coveredWith(record: StoredRecord, before: Covered): Covered {
  return {
    commands: Number(record.headers[header.coversCommands] ?? before.commands),
    foreign: parsePosition(record.headers[header.coversForeign] ?? '') ?? before.foreign,
  };
}

/** The fact that an accepted record holds. An event of a type from the future is poison: it folds to nothing. */
export function factOf(record: StoredRecord): Fact | PoisonRecord {
  try {
    return decodeEvent(record).fact;
  } catch (error: unknown) {
    if (error instanceof PoisonRecord) return error;
    throw error;
  }
}

/**
 * Folds one event into the foreign view. Answers why it cannot be folded, or null. Everyone who folds the same
 * events passes over the same ones at the same place, so the views stay equal.
 */
export function foldedInto<State, Foreign extends EventBody>(
  context: { evolveForeign(state: State, fact: Fact<Foreign>): void },
  state: State,
  fact: Fact,
): string | null {
  try {
    context.evolveForeign(state, fact as Fact<Foreign>);
    return null;
  } catch (error: unknown) {
    return `cannot be folded: ${String(error)}`;
  }
}

/**
 * Folds what the source holds of the foreign view, from `at` up to `to` and no further. Answers how far
 * that went; when it is short of `to` the source must be fed more.
 */
export function foldForeign(
  source: ForeignSource,
  at: Position,
  to: Position,
  fold: (fact: Fact) => void,
): Position {
  while (at.next < to.next) {
    const input = source.peek();
    if (!input) return at;
    // Only void records lie between the last fold and the covered position.
    if (input.at.next > to.next) return to;
    source.take();
    at = input.at;
    if (input.kind === 'fact') fold(input.event.fact);
  }
  return at;
}
