import { transitioned, type ConditionNow } from '../rows/conditions.js';
import { type StateEntity } from './entity.js';

/** The state with its conditions as its counts have them now. */
export function withConditions(state: StateEntity, time: string): StateEntity {
  const total = totalOf(state);
  // A state without targets has been looked at nowhere: its generation is not observed yet.
  const allCurrent = total > 0 && state.targets_current === total;
  const observed = allCurrent ? state.generation : state.observed_generation;
  return {
    ...state,
    observed_generation: observed,
    conditions: transitioned(state.conditions, conditionsOf(state), time, observed),
  };
}

export function totalOf(state: StateEntity): number {
  return (
    state.targets_unknown +
    state.targets_compliant +
    state.targets_drifted +
    state.targets_remediating +
    state.targets_given_up
  );
}

function conditionsOf(state: StateEntity): ConditionNow[] {
  return [
    compliantOf(state),
    { type: 'remediating', status: state.targets_remediating > 0 ? 'true' : 'false', reason: '' },
    {
      type: 'given_up',
      status: state.targets_given_up > 0 ? 'true' : 'false',
      reason: state.targets_given_up > 0 ? 'given_up' : '',
    },
    {
      type: 'suspended',
      status: state.suspended ? 'true' : 'false',
      reason: state.suspended ? 'state_suspended' : '',
    },
  ];
}

function compliantOf(state: StateEntity): ConditionNow {
  const type = 'compliant';
  const wrong = state.targets_drifted + state.targets_remediating + state.targets_given_up;
  if (wrong > 0) return { type, status: 'false', reason: '' };
  if (totalOf(state) === 0) return { type, status: 'unknown', reason: 'no_agent_matches' };
  if (state.targets_unknown > 0 || state.targets_current < totalOf(state)) {
    return { type, status: 'unknown', reason: 'check_unknown' };
  }
  return { type, status: 'true', reason: '' };
}
