import { type Decided, type EventData, type TasksEventBody } from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { cooldownMs, countedFailures, type Breaker, type BreakerPolicy, type RunEnd } from './breaker.js';

type Step = Decided<TasksEventBody> | null;

/** What the breaker's own state calls for now; null: nothing. */
export function breakerStep(breaker: Breaker, policy: BreakerPolicy, nowMs: number): Step {
  const { scope, name, tenantId, phase, verdict } = breaker;
  if (phase === 'closed') {
    const failures = countedFailures(breaker.ends, policy);
    return failures < policy.failures ? null : opened(breaker, policy, nowMs, 'failures_in_a_row', failures);
  }
  if (phase === 'open') {
    if (nowMs < breaker.untilMs) return null;
    return decided('breaker.half-opened', tenantId, name, { scope, name, reason: 'cooled_down' });
  }
  if (verdict === 'succeeded') {
    return decided('breaker.closed', tenantId, name, { scope, name, reason: 'probe_succeeded' });
  }
  return verdict === 'failed' ? opened(breaker, policy, nowMs, 'probe_failed', 1) : null;
}

/** From when on `breakerStep` has something to say; Infinity: only a fact brings that about. */
export function breakerDueMs(breaker: Breaker, policy: BreakerPolicy): number {
  if (breaker.phase === 'open') return breaker.untilMs;
  if (breaker.phase === 'half-open') return breaker.verdict ? 0 : Infinity;
  return countedFailures(breaker.ends, policy) >= policy.failures ? 0 : Infinity;
}

function opened(
  { scope, name, tenantId, openings }: Breaker,
  policy: BreakerPolicy,
  nowMs: number,
  reason: 'failures_in_a_row' | 'probe_failed',
  failures: number,
): Step {
  const until_ms = nowMs + cooldownMs(openings, policy);
  return decided('breaker.opened', tenantId, name, { scope, name, reason, until_ms, failures });
}

export function openBreaker(breaker: Breaker, data: EventData<'breaker.opened'>): void {
  breaker.phase = 'open';
  breaker.untilMs = data.until_ms;
  breaker.openings += 1;
  forget(breaker);
}

export function halfOpenBreaker(breaker: Breaker): void {
  breaker.phase = 'half-open';
  forget(breaker);
}

export function closeBreaker(breaker: Breaker): void {
  breaker.phase = 'closed';
  breaker.openings = 0;
  forget(breaker);
}

function forget(breaker: Breaker): void {
  breaker.ends.length = 0;
  breaker.probe = null;
  breaker.verdict = null;
}

/** A lease marked as a probe was given. */
export function startProbe(breaker: Breaker, lease: string): void {
  if (breaker.phase === 'half-open') breaker.probe = lease;
}

/** One run that ended under a breaker. `end` is null when it says nothing. */
export interface Ended {
  readonly lease: string;
  readonly leasedAtMs: number;
  readonly end: RunEnd | null;
}

/** Leases from before it opened may end at any time: once it is not closed, only the probe counts. */
export function recordEnd(breaker: Breaker, policy: BreakerPolicy, { lease, leasedAtMs, end }: Ended): void {
  if (breaker.phase === 'closed') {
    if (!end || isOldNews(breaker.ends, end, leasedAtMs)) return;
    breaker.ends.push(end);
    if (breaker.ends.length > policy.of) breaker.ends.shift();
    return;
  }
  if (breaker.probe !== lease) return;
  breaker.probe = null;
  if (end) breaker.verdict = end.failed ? 'failed' : 'succeeded';
}

/** What brought a machine down once ends every run that it had: that is one failure, not many. */
function isOldNews(ends: readonly RunEnd[], { ofMachine, agentId }: RunEnd, leasedAtMs: number): boolean {
  return (
    ofMachine && ends.some((one) => one.ofMachine && one.agentId === agentId && one.endedAtMs > leasedAtMs)
  );
}
