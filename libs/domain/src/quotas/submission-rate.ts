import { type Limits } from '@fluxforge/events/catalogue';

export const submissionRateText = 'The tenant submits faster than it may.';

/** One submission, in the unit of the bucket: whole numbers only, so that nothing is lost to rounding. */
const submissionMillis = 1_000;

/**
 * A token bucket, folded from facts: it fills by `submissions_per_s` thousandths in each millisecond up to the
 * burst, and each admitted submission takes a thousand. Over any span of t ms no more than burst + rate x t are
 * admitted, whoever the owner is: the bucket is in the log.
 */
export interface SubmissionBucket {
  readonly levelMillis: number;
  /** When the level was that. */
  readonly atMs: number;
}

function capacityMillis(limits: Limits): number {
  return (limits.submission_burst ?? limits.submissions_per_s ?? 0) * submissionMillis;
}

/** Full at first; null: submissions are not limited. */
export function newBucket(limits: Limits, atMs: number): SubmissionBucket | null {
  if (limits.submissions_per_s === undefined) return null;
  return { levelMillis: capacityMillis(limits), atMs };
}

function filled(bucket: SubmissionBucket, limits: Limits, nowMs: number): SubmissionBucket {
  const atMs = Math.max(bucket.atMs, nowMs);
  const gainedMillis = (atMs - bucket.atMs) * (limits.submissions_per_s ?? 0);
  return { levelMillis: Math.min(capacityMillis(limits), bucket.levelMillis + gainedMillis), atMs };
}

export function admitsSubmission(bucket: SubmissionBucket | null, limits: Limits, nowMs: number): boolean {
  return !bucket || filled(bucket, limits, nowMs).levelMillis >= submissionMillis;
}

/** The bucket after a submission that was admitted at `atMs`. */
export function spend(
  bucket: SubmissionBucket | null,
  limits: Limits,
  atMs: number,
): SubmissionBucket | null {
  if (!bucket) return null;
  const { levelMillis, ...rest } = filled(bucket, limits, atMs);
  return { ...rest, levelMillis: levelMillis - submissionMillis };
}

/** Other limits: what has gathered under the old ones is kept, as far as the new burst has room for it. */
export function relimit(
  bucket: SubmissionBucket | null,
  before: Limits,
  after: Limits,
  atMs: number,
): SubmissionBucket | null {
  if (!bucket || after.submissions_per_s === undefined) return newBucket(after, atMs);
  return filled(filled(bucket, before, atMs), after, atMs);
}
