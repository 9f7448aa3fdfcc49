import { defaultBrake, type BrakePolicy } from '@fluxforge/domain/brake';
import { defaultBreakers, type BreakerPolicies } from '@fluxforge/domain/breakers';
import { type FanoutLimits, type KeptFanouts } from '@fluxforge/domain/fanout';
import { type OverloadPolicy } from '@fluxforge/domain/modes';
import {
  defaultFairness,
  defaultKeeping,
  type FairnessPolicy,
  type KeepingPolicy,
} from '@fluxforge/domain/scheduling';
import { type RemediationDefaults } from '@fluxforge/domain/task';
import { defaultMaxDeclaredBytes, type DefaultLimits } from '@fluxforge/domain/tenant';

export type FanoutPolicy = FanoutLimits & KeptFanouts;

/** Every number of the tasks context that is a choice. Tests and the simulation shorten the spans. */
export interface TasksPolicy {
  readonly heartbeatMs: number;
  /** What a lease lasts from each grant on. */
  readonly leaseMs: number;
  /** What the owner waits longer than the agent: clock drift, a slow commit before the push. */
  readonly leaseMarginMs: number;
  /** Without an answer for this long an agent is lost. */
  readonly agentTtlMs: number;
  /** Waiting this long lowers a task's effective priority by one. */
  readonly agingMs: number;
  readonly fairness: FairnessPolicy;
  readonly keeping: KeepingPolicy;
  readonly overload: OverloadPolicy;
  readonly breakers: BreakerPolicies;
  readonly brake: BrakePolicy;
  /** How many tasks one admission cancels at once under its concurrency key; the others follow one by one. */
  readonly supersededAtOnce: number;
  /** How long, and how many in a partition, ended tasks are remembered for those who come late. */
  readonly endedKeptMs: number;
  readonly endedKept: number;
  /** Most schedules of one tenant. */
  readonly maxSchedules: number;
  readonly fanouts: FanoutPolicy;
  /** As many firings of schedules, and members of fan-outs, come before the next lease, if one is possible. */
  readonly firingsInARow: number;
  /** Kinds of tasks that one tenant's queue is looked through for before others have their turn. */
  readonly looksInARow: number;
  /** Of a new tenant. How much may be queued and declared has a bound for those as well that never had this limit set. */
  readonly defaultLimits: DefaultLimits;
  readonly remediation: RemediationDefaults;
}

export const defaultTasksPolicy: TasksPolicy = {
  heartbeatMs: 2_000,
  leaseMs: 15_000,
  leaseMarginMs: 5_000,
  agentTtlMs: 10_000,
  agingMs: 30_000,
  fairness: defaultFairness,
  keeping: defaultKeeping,
  overload: {
    queued: { high: 1_000_000, low: 500_000 },
    eventLoopDelayMs: { high: 250, low: 50 },
    commitLatencyMs: { high: 1_000, low: 250 },
    enterAfterMs: 5_000,
    leaveAfterMs: 30_000,
  },
  breakers: defaultBreakers,
  brake: defaultBrake,
  supersededAtOnce: 64,
  endedKeptMs: 3_600_000,
  endedKept: 100_000,
  maxSchedules: 10_000,
  // Well below a batch of the log (768 KiB).
  fanouts: {
    maxFanouts: 100,
    maxMembers: 10_000,
    maxBytes: 700_000,
    keptMs: 24 * 3_600_000,
    // One at the limits takes 1.4 MB.
    keptBytes: 64 * 1024 * 1024,
    keptBytesOfTenant: 8 * 1024 * 1024,
    keptRejected: 100,
  },
  firingsInARow: 64,
  looksInARow: 4_096,
  defaultLimits: {
    max_queued_tasks: 100_000,
    max_queued_bytes: 256 * 1024 * 1024,
    max_declared_bytes: defaultMaxDeclaredBytes,
    max_agents: 10_000,
    max_states: 10_000,
  },
  remediation: { killGraceMs: 10_000, outputLimitBytes: 1024 * 1024 },
};
