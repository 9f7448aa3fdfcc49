import { type FactOf, isoOrNull, type ProjectedEvent } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { transitioned, type ConditionNow } from '../rows/conditions.js';
import { withConditions } from '../states/conditions.js';
import { type StateEntity } from '../states/entity.js';
import { type TargetEntity } from './entity.js';
import { type Compliance } from './row.js';

type TargetFact = Extract<
  ProjectedEvent['fact'],
  { data: { state_id: string; agent_id: string; generation: number } }
>;

/**
 * A target's compliance as the log tells it. unknown -> compliant | drifted; drifted -> remediating ->
 * compliant (restored) | drifted (failed, withdrawn: it waits or starts over) | given_up; any -> unknown.
 */
export const targetsView: View = {
  want({ fact }, rows) {
    if (fact.type === 'targets.changed') {
      const { state_id, added, removed } = fact.data;
      rows.states.want(fact.tenantId, state_id);
      for (const agent of added) rows.targets.want(fact.tenantId, state_id, agent);
      for (const { agent_id } of removed) rows.targets.want(fact.tenantId, state_id, agent_id);
    } else if (isTargetFact(fact)) {
      rows.states.want(fact.tenantId, fact.data.state_id);
      rows.targets.want(fact.tenantId, fact.data.state_id, fact.data.agent_id);
    }
  },

  fold({ fact, time }, rows) {
    if (fact.type === 'targets.changed') return membersChanged(fact, time, rows);
    if (!isTargetFact(fact)) return;
    const { state_id, agent_id } = fact.data;
    const state = rows.states.get(fact.tenantId, state_id);
    const target = rows.targets.get(fact.tenantId, state_id, agent_id);
    if (!state || !target || !concerns(fact, state, target)) return;
    const found = changeOf(fact, { state, target, time });
    const changed = { ...target, reason: '', ...found, updated_at: time };
    const next = { ...changed, conditions: conditionsOf(changed, time) };
    rows.targets.put(next);
    rows.states.put(withConditions(recounted(state, target, next), time));
  },
};

function isTargetFact(fact: ProjectedEvent['fact']): fact is TargetFact {
  switch (fact.type) {
    case 'target.compliant':
    case 'target.unknown':
    case 'drift.detected':
    case 'remediation.requested':
    case 'remediation.withdrawn':
    case 'remediation.applied':
    case 'remediation.failed':
    case 'compliance.restored':
    case 'remediation.given-up':
      return true;
    default:
      return false;
  }
}

/** As the domain folds it: a remediation's fate follows its task, a finding its generation. */
function concerns(fact: TargetFact, state: StateEntity, target: TargetEntity): boolean {
  switch (fact.type) {
    case 'remediation.withdrawn':
    case 'remediation.applied':
    case 'remediation.failed':
      return target.task_id === fact.data.task_id;
    default:
      return fact.data.generation === state.generation;
  }
}

function membersChanged(fact: FactOf<'targets.changed'>, time: string, rows: ViewRows): void {
  const { state_id, added, removed } = fact.data;
  let state = rows.states.get(fact.tenantId, state_id);
  if (!state) return;
  for (const { agent_id } of removed) {
    const target = rows.targets.get(fact.tenantId, state_id, agent_id);
    if (!target) continue;
    rows.targets.delete(fact.tenantId, state_id, agent_id);
    state = recounted(state, target, null);
  }
  for (const agent_id of added) {
    if (rows.targets.get(fact.tenantId, state_id, agent_id)) continue;
    const target = newTarget(fact.tenantId, state_id, agent_id, time);
    rows.targets.put(target);
    state = recounted(state, null, target);
  }
  rows.states.put(withConditions(state, time));
}

function newTarget(tenant_id: string, state_id: string, agent_id: string, time: string): TargetEntity {
  const target: TargetEntity = {
    tenant_id,
    state_id,
    agent_id,
    compliance: 'unknown',
    checked_generation: 0,
    reason: '',
    attempts: 0,
    task_id: null,
    last_drift_at: null,
    last_compliant_at: null,
    retry_at: null,
    last_exit_code: null,
    last_output: null,
    created_at: time,
    updated_at: time,
    conditions: [],
  };
  return { ...target, conditions: conditionsOf(target, time) };
}

interface Where {
  readonly state: StateEntity;
  readonly target: TargetEntity;
  readonly time: string;
}

function changeOf(fact: TargetFact, { state, target, time }: Where): Partial<TargetEntity> {
  // A remediation of an earlier generation that comes to its end leaves a target of which nothing is known.
  const orUnknown = (compliance: Compliance) =>
    fact.data.generation === state.generation ? compliance : 'unknown';
  switch (fact.type) {
    case 'target.compliant':
      return { ...finding(fact), compliance: 'compliant', last_compliant_at: time, retry_at: null };
    case 'compliance.restored':
      return {
        ...finding(fact),
        compliance: 'compliant',
        attempts: fact.data.attempts_used,
        last_compliant_at: time,
        retry_at: null,
      };
    case 'target.unknown':
      return {
        compliance: 'unknown',
        reason: fact.data.reason,
        last_exit_code: fact.data.exit_code ?? null,
        retry_at: null,
      };
    case 'drift.detected': {
      const goesOn = target.compliance === 'drifted' || target.compliance === 'remediating';
      return {
        ...finding(fact),
        compliance: 'drifted',
        last_drift_at: time,
        attempts: goesOn ? target.attempts : 0,
      };
    }
    case 'remediation.requested':
      return {
        compliance: 'remediating',
        attempts: fact.data.attempt,
        task_id: fact.data.task_id,
        retry_at: null,
      };
    case 'remediation.applied':
      return { compliance: orUnknown('remediating') };
    case 'remediation.withdrawn':
      return {
        compliance: target.compliance === 'remediating' ? orUnknown('drifted') : target.compliance,
        reason: fact.data.reason,
      };
    case 'remediation.failed':
      return {
        compliance: orUnknown('drifted'),
        reason: fact.data.reason,
        retry_at: isoOrNull(fact.data.retry_at_ms),
      };
    case 'remediation.given-up':
      return {
        compliance: 'given_up',
        reason: fact.data.reason,
        attempts: fact.data.attempts_used,
        retry_at: null,
      };
  }
}

function finding(
  fact: FactOf<'target.compliant'> | FactOf<'drift.detected'> | FactOf<'compliance.restored'>,
): Partial<TargetEntity> {
  return {
    checked_generation: fact.data.generation,
    last_exit_code: fact.data.exit_code ?? null,
    last_output: fact.data.output_tail ?? null,
  };
}

function conditionsOf(target: TargetEntity, time: string) {
  const { compliance, reason } = target;
  const now: ConditionNow[] = [
    {
      type: 'compliant',
      status: compliance === 'unknown' ? 'unknown' : compliance === 'compliant' ? 'true' : 'false',
      reason,
    },
    { type: 'remediating', status: compliance === 'remediating' ? 'true' : 'false', reason: '' },
    {
      type: 'given_up',
      status: compliance === 'given_up' ? 'true' : 'false',
      reason: compliance === 'given_up' ? reason : '',
    },
  ];
  return transitioned(target.conditions, now, time, target.checked_generation);
}

const countOf = {
  unknown: 'targets_unknown',
  compliant: 'targets_compliant',
  drifted: 'targets_drifted',
  remediating: 'targets_remediating',
  given_up: 'targets_given_up',
} as const satisfies Record<Compliance, keyof StateEntity>;

/** The state's counts after one target went from one shape to another; null is not there. */
function recounted(state: StateEntity, before: TargetEntity | null, after: TargetEntity | null): StateEntity {
  const next = { ...state };
  if (before) next[countOf[before.compliance]] -= 1;
  if (after) next[countOf[after.compliance]] += 1;
  if (before?.checked_generation === state.generation) next.targets_current -= 1;
  if (after?.checked_generation === state.generation) next.targets_current += 1;
  return next;
}
