import { type AttemptOutcome, type BreakerScope } from '@fluxforge/events/catalogue';

/**
 * Keeps leases away from an agent, or from all agents of one failure domain, whose runs fail:
 *
 *   closed --enough failures--> open(until) --cooled down--> half-open --probe succeeded--> closed
 *                                 ^                              |
 *                                 +------- probe failed ---------+      (each time for twice as long, capped)
 *
 * An operator closes it from anywhere. A half-open one lets one lease through at a time, the probe; a probe of
 * which nothing can be learnt (cancelled) frees its place for another.
 */
export interface Breaker {
  readonly scope: BreakerScope;
  readonly tenantId: string;
  /** Id of the agent, or value of the domain's label. */
  readonly name: string;
  /** Rises with each task, agent and breaker of the partition. */
  readonly order: number;
  phase: 'closed' | 'open' | 'half-open';
  /** Of an open one. */
  untilMs: number;
  /** How often it opened since it was closed last: each doubles the cooldown. */
  openings: number;
  /** The last ends while it was closed, the newest last; as many as the policy looks at. */
  readonly ends: RunEnd[];
  /** The lease that is out on trial, by `leaseName`. */
  probe: string | null;
  /** How the probe ended; the next step of the plan draws the consequence. */
  verdict: 'succeeded' | 'failed' | null;
}

/** What a breaker keeps of one end of a run. */
export interface RunEnd {
  readonly failed: boolean;
  /** It failed without the command having had a part in it. */
  readonly ofMachine: boolean;
  /** `hash32` of executor and command, for a run that failed; else 0. */
  readonly work: number;
  readonly agentId: string;
  readonly endedAtMs: number;
}

export interface BreakerPolicy {
  /** It opens with this many failures among the last `of` ends. */
  readonly failures: number;
  readonly of: number;
  /** Failures in which a command had a part count only when that many different commands failed. */
  readonly minDistinct: number;
  /** And any of them only when they come from that many agents. */
  readonly minAgents: number;
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
}

export interface BreakerPolicies {
  readonly agent: BreakerPolicy;
  readonly domain: BreakerPolicy;
  /** Key of the label whose values are failure domains; an agent without it is in none. */
  readonly domainLabel: string;
  /** Of a tenant, as many domains are watched; beyond this the oldest closed one makes room. */
  readonly maxDomains: number;
}

export const defaultBreakers: BreakerPolicies = {
  agent: { failures: 5, of: 6, minDistinct: 2, minAgents: 1, cooldownMs: 30_000, maxCooldownMs: 600_000 },
  domain: { failures: 10, of: 12, minDistinct: 3, minAgents: 2, cooldownMs: 30_000, maxCooldownMs: 600_000 },
  domainLabel: 'zone',
  maxDomains: 1_000,
};

export function newBreaker(scope: BreakerScope, tenantId: string, name: string, order: number): Breaker {
  const fresh = { phase: 'closed', untilMs: 0, openings: 0, probe: null, verdict: null } as const;
  return { scope, tenantId, name, order, ...fresh, ends: [] };
}

/** Attempts have numbers once and for all within a life, so this names one lease. */
export function leaseName(taskId: string, life: number, attempt: number): string {
  return `${taskId}:${life}:${attempt}`;
}

/**
 * Null: says nothing of the machine. A restart of an agent ends all its runs at once and is common (an upgrade):
 * it counts against the agent, not against its domain.
 */
export function verdictOf(
  scope: BreakerScope,
  outcome: AttemptOutcome,
  exitCode: number | undefined,
): Pick<RunEnd, 'failed' | 'ofMachine'> | null {
  switch (outcome) {
    case 'cancelled':
    case 'undelivered':
      return null;
    case 'exited':
      return { failed: exitCode !== 0, ofMachine: false };
    case 'signalled':
    case 'timed_out':
    case 'spawn_failed':
      return { failed: true, ofMachine: false };
    case 'interrupted':
      return scope === 'agent' ? { failed: true, ofMachine: true } : null;
    case 'lease_expired':
    case 'refused':
      return { failed: true, ofMachine: true };
  }
}

export type BreakerRoom = 'all' | 'probe' | 'none';

/** What it lets through now. */
export function breakerRoom({ phase, probe, verdict }: Breaker): BreakerRoom {
  if (phase === 'closed') return 'all';
  return phase === 'half-open' && probe === null && verdict === null ? 'probe' : 'none';
}

/** Failures that count against the machines. One bad command, however often it is tried, is none of them. */
export function countedFailures(ends: readonly RunEnd[], policy: BreakerPolicy): number {
  const failed = ends.slice(-policy.of).filter((end) => end.failed);
  const ofCommands = failed.filter((end) => !end.ofMachine);
  const distinct = new Set(ofCommands.map((end) => end.work)).size;
  const counted = distinct >= policy.minDistinct ? failed : failed.filter((end) => end.ofMachine);
  return new Set(counted.map((end) => end.agentId)).size >= policy.minAgents ? counted.length : 0;
}

/** Capped; a count beyond 2^30 doublings changes nothing. */
export function cooldownMs(openings: number, policy: BreakerPolicy): number {
  return Math.min(policy.maxCooldownMs, policy.cooldownMs * 2 ** Math.min(openings, 30));
}
