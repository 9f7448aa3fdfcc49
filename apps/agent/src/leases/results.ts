import { randomUUID } from 'node:crypto';
import { type Lease, type LeaseKey, Outcome, type Refusal, Result } from '@fluxforge/agent-protocol';
import { type Ending } from '../executors/index.js';
import { type OutputTotals } from '../output/index.js';

/** Why the agent itself stopped a command. */
export type StopCause = 'timeout' | 'cancelled' | 'superseded' | 'lease_expired' | 'draining' | 'dropped';

/** Bounds what the journal must hold per report. */
const MAX_ERROR_CHARS = 512;

export interface RunTimes {
  startedAtMs: number;
  endedAtMs: number;
  durationMs: number;
}

const outcomeOfStop: Record<StopCause, Outcome> = {
  timeout: Outcome.TIMED_OUT,
  cancelled: Outcome.CANCELLED,
  superseded: Outcome.CANCELLED,
  lease_expired: Outcome.LEASE_EXPIRED,
  draining: Outcome.INTERRUPTED,
  dropped: Outcome.CANCELLED,
};

export interface RunEnd {
  lease: Pick<Lease, 'key' | 'term'>;
  ending: Ending;
  cause: StopCause | undefined;
  detail: string;
  times: RunTimes;
  output: OutputTotals;
}

export function resultOfRun({ lease, ending, cause, detail, times, output }: RunEnd): Result {
  return Result.fromPartial({
    ...identified(lease),
    ...times,
    outcome: cause === undefined ? outcomeOfEnding(ending) : outcomeOfStop[cause],
    exitCode: ending.kind === 'exited' ? ending.exitCode : 0,
    signal: ending.kind === 'signalled' ? ending.signal : '',
    stdoutBytes: output.stdoutBytes,
    stderrBytes: output.stderrBytes,
    outputTruncated: output.truncated,
    error: [detail, ending.trouble ?? ''].filter(Boolean).join('; ').slice(0, MAX_ERROR_CHARS),
  });
}

function outcomeOfEnding(ending: Ending): Outcome {
  switch (ending.kind) {
    case 'exited':
      return Outcome.EXITED;
    case 'signalled':
      return Outcome.SIGNALLED;
    case 'spawn_failed':
      return Outcome.SPAWN_FAILED;
  }
}

/** Of a lease that ended before its command was started. */
export function resultWithoutRun(
  lease: { key: LeaseKey | undefined; term: number },
  outcome: Outcome,
  endedAtMs: number,
  error: string,
): Result {
  return Result.fromPartial({
    ...identified(lease),
    outcome,
    endedAtMs,
    error: error.slice(0, MAX_ERROR_CHARS),
  });
}

export function refusal(
  lease: { key?: LeaseKey | undefined; term: number },
  why: Refusal,
  endedAtMs: number,
  error = '',
): Result {
  return {
    ...resultWithoutRun({ key: lease.key, term: lease.term }, Outcome.REFUSED, endedAtMs, error),
    refusal: why,
  };
}

function identified({ key, term }: { key?: LeaseKey | undefined; term: number }): Partial<Result> {
  return { key, term, reportId: randomUUID() };
}
