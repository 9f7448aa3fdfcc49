import {
  type Labels,
  type Limits,
  type ReasonCode,
  type StateSpec,
  type TaskEnd,
} from '@fluxforge/events/catalogue';
import { type PriorityQueue } from '@fluxforge/domain/kernel';

/**
 * One state on one agent. What is known of it and how far an apply has got are two things.
 *
 * finding   none -> compliant <-> drifted, by certain check results of this generation. `obscured` lies over
 *           it: nothing is known now (the agent is lost, checks say nothing), until the next certain result.
 * stage     idle       -> requested  remediation.requested
 *                      -> given-up   remediation.given-up
 *           requested  -> applied    remediation.applied: the task succeeded, a check must show it
 *                      -> idle       remediation.failed, remediation.withdrawn
 *           applied    -> idle       compliance.restored, remediation.failed (a check still finds drift)
 *           given-up   -> idle       compliance.restored
 *           A new generation leads from each back to idle, save `requested`, which first is withdrawn.
 */
export type Finding = 'none' | 'compliant' | 'drifted';
export type Stage = 'idle' | 'requested' | 'applied' | 'given-up';

/** An apply that was asked for; kept until it is verified. */
export interface Remediation {
  readonly taskId: string;
  readonly generation: number;
  readonly attempt: number;
  readonly notAfterMs: number;
  readonly executionTimeoutMs: number;
}

export interface Target {
  readonly state: DesiredState;
  readonly agentId: string;
  /** The state's epoch when the agent joined: tells this membership from an earlier one of the same agent. */
  readonly born: number;
  /**
   * Taken from the state's counter at every event about this target. A check's round is
   * `epoch x 65536 + timeouts`: the epoch is in the log, so what was asked before an apply, a withdrawal or
   * a new generation stays stale for every later owner as well, although timeouts are not events and start
   * at zero after a takeover. The counter is the state's, not the target's, so that an agent that leaves and
   * joins again does not come back to rounds that were used.
   */
  epoch: number;
  finding: Finding;
  obscured: boolean;
  stage: Stage;
  remediation: Remediation | null;
  /** A withdrawn apply that may still be running; nothing new is started beside it. */
  settling: { readonly taskId: string; readonly sinceMs: number } | null;
  /** Number of the last request at this generation, counted or not: task ids are never used twice. */
  requests: number;
  attemptsUsed: number;
  /** Failures in a row, counted or not: the exponent of the backoff. */
  failures: number;
  retryAtMs: number;
  /** The drift was seen after the last apply that may have run. Only then is another one started. */
  confirmed: boolean;

  // Momentary, lost at a takeover.
  /** Spreads the checks: a hash of state and agent. */
  readonly spread: number;
  /** Check timeouts within the epoch; part of the round. */
  timeouts: number;
  /** Unanswered checks in a row. */
  missed: number;
  /** Results in a row that say nothing. */
  unknowns: number;
  /** The epoch in which a check last found drift, for one that was known to be drifted already. */
  driftSeenEpoch: number;
  /** The round that was asked and not answered yet, or 0. */
  askedRound: number;
  /** The next check is wanted within this time; 0: at its usual place. */
  soonMs: number;
}

/** How the task of a remediation came out, as the tasks context said it. */
export interface TaskResult {
  readonly stateId: string;
  readonly end: TaskEnd;
  readonly reason: ReasonCode;
}

/** What the states context knows of an agent: enrolled -> found <-> lost; gone once it is removed. */
export interface AgentView {
  readonly id: string;
  readonly tokenLabels: Labels;
  labels: Labels;
  standing: 'enrolled' | 'found' | 'lost';
  draining: boolean;
  /** By task: ends of remediations. Levels, not messages: they lie here until used. */
  readonly ends: Map<string, TaskResult>;
}

/** A declared state with its targets. Deleted ones stay as markers for a while, see `Tenant.deleted`. */
export interface DesiredState {
  readonly tenant: Tenant;
  readonly id: string;
  readonly declaredAtMs: number;
  /** Of what was first declared: tells a repeated declaration from another one under the same id. */
  readonly declaredAs: string;
  name: string;
  labels: Labels;
  spec: StateSpec;
  generation: number;
  /** How many events changed the declared fields; see `raisesVersion`. */
  version: number;
  suspended: boolean;
  deletedAtMs: number | null;
  /** Source of its targets' epochs; only ever rises. */
  epochs: number;
  readonly targets: Map<string, Target>;
  /** Derived: targets that take a place of `max_concurrency`, and those given up. */
  occupied: number;
  givenUp: number;
  /** Momentary: drifted targets that only the budgets hold back. */
  readonly ready: Set<Target>;
}

/** The targets of one agent, and (momentary) the checks it was asked for. */
export interface AgentTargets {
  readonly tenant: Tenant;
  readonly agentId: string;
  readonly targets: Map<string, Target>;
  asked: number;
  /** Due, but the agent has as many checks as it may. */
  readonly backlog: Set<Target>;
}

/**
 * Two folds side by side: `limits` and `agents` from the tasks context's events, the rest from our own.
 * Neither fold reads the other's part, because a new owner folds them one after the other.
 */
export interface Tenant {
  readonly id: string;
  limits: Limits | null;
  readonly agents: Map<string, AgentView>;
  readonly states: Map<string, DesiredState>;
  /** Derived: of all of these, see `declaredBytes`. */
  bytes: number;
  /**
   * Ids of deleted states, in the order of deletion: a late copy of a declaration must not bring one back,
   * and remediations in flight are still to be withdrawn.
   */
  readonly deleted: Map<string, DesiredState>;
  readonly names: Map<string, DesiredState>;
  readonly byAgent: Map<string, AgentTargets>;
  /** Momentary: agents whose labels must be held against the selectors. */
  readonly reselect: Set<string>;
}

export interface StatesState {
  readonly partition: number;
  readonly tenants: Map<string, Tenant>;
  readonly work: Work;
}

/**
 * What is to be looked at, so that no pass scans everything. All of it is momentary: a new owner marks
 * everything (`resume`), and decisions read the state alone, never that something was marked.
 * The folds mark in sets and not in lists: who only folds (a snapshot's follower) never empties them, and
 * a set grows no larger than what is there.
 */
export interface Work {
  readonly targets: Set<Target>;
  /** States in which a remediation may have become possible. */
  readonly states: Set<DesiredState>;
  /** States to be held against all agents, and tenants with agents to be held against all states. */
  readonly reselectStates: Set<DesiredState>;
  readonly reselectTenants: Set<Tenant>;
  /** Checks by due time; those asked, by when their answer is overdue; targets by their own timers. */
  readonly due: PriorityQueue<Target>;
  readonly answers: PriorityQueue<Target>;
  readonly timers: PriorityQueue<Target>;
  /** Agents that have room for checks of their backlog. */
  readonly roomy: Set<AgentTargets>;
}
