import { type Backoff } from '@fluxforge/events/catalogue';

/** What is the same for every state. Fixed for the life of a process. */
export interface ReconcilingPolicy {
  /** Added to a check's own timeout before it counts as unanswered; doubled with each miss in a row. */
  readonly checkMarginMs: number;
  /** Waiting before a check that was not answered, or whose result said nothing, is asked again. */
  readonly checkRetry: Backoff;
  /** How long after a takeover of the dispatcher's partition checks in flight are asked again; spread over as much. */
  readonly askAnewMs: number;
  /** Unanswered checks in a row after which nothing is known of a target. */
  readonly missesUntilUnknown: number;
  /** Results in a row that say nothing, after which nothing is known of a target. */
  readonly unknownsUntilUnknown: number;
  /** Most checks in one request; the contract allows 256. */
  readonly checksPerRequest: number;
  /** Most checks that an agent is asked for and has not answered; further ones wait their turn. */
  readonly checksInFlightPerAgent: number;
  /** Most checks asked for in one pulse; the rest goes with the next. */
  readonly checksPerPulse: number;
  /** An apply that has not been started this long after it was asked for never starts. */
  readonly remediationWindowMs: number;
  /** How long after an apply must be over its end is waited for. */
  readonly answerMarginMs: number;
  /** A withdrawn apply may run this long; until then, or until its end is known, nothing new is started. */
  readonly settleMs: number;
  /** Most bytes, roughly, that one planning step gives: it must fit in a batch. */
  readonly planBytes: number;
}

export const defaultReconcilingPolicy: ReconcilingPolicy = {
  checkMarginMs: 5_000,
  checkRetry: { base_ms: 1_000, max_ms: 60_000 },
  askAnewMs: 500,
  missesUntilUnknown: 3,
  unknownsUntilUnknown: 3,
  checksPerRequest: 256,
  checksInFlightPerAgent: 64,
  checksPerPulse: 4_096,
  remediationWindowMs: 10 * 60_000,
  answerMarginMs: 60_000,
  settleMs: 60_000,
  planBytes: 160 * 1024,
};
