import { type FactOf } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { withConditions } from './conditions.js';

type DeclaredFact = FactOf<'state.declared'> | FactOf<'state.updated'>;

export const statesView: View = {
  want({ fact }, rows) {
    switch (fact.type) {
      case 'state.declared':
      case 'state.updated':
      case 'state.suspended':
      case 'state.resumed':
      case 'state.deleted':
        rows.states.want(fact.tenantId, fact.data.state_id);
        return;
      default:
    }
  },

  fold({ fact, time }, rows) {
    switch (fact.type) {
      case 'state.declared':
        return declared(fact, time, rows);
      case 'state.updated':
        return updated(fact, time, rows);
      case 'state.suspended':
        return suspended(fact, time, rows, true);
      case 'state.resumed':
        return suspended(fact, time, rows, false);
      case 'state.deleted':
        rows.states.delete(fact.tenantId, fact.data.state_id);
        rows.targets.dropGroup(fact.tenantId, fact.data.state_id);
        return;
      default:
    }
  },
};

function declared(fact: DeclaredFact, time: string, rows: ViewRows): void {
  const { state_id, name, labels, generation, spec } = fact.data;
  if (rows.states.get(fact.tenantId, state_id)) return;
  const state = {
    tenant_id: fact.tenantId,
    id: state_id,
    name,
    labels,
    generation,
    resource_version: 1,
    created_at: time,
    updated_at: time,
    spec,
    suspended: false,
    observed_generation: 0,
    targets_unknown: 0,
    targets_compliant: 0,
    targets_drifted: 0,
    targets_remediating: 0,
    targets_given_up: 0,
    targets_current: 0,
    conditions: [],
  };
  rows.states.put(withConditions(state, time));
}

function updated(fact: DeclaredFact, time: string, rows: ViewRows): void {
  const state = rows.states.get(fact.tenantId, fact.data.state_id);
  if (!state) return;
  const { name, labels, generation, spec } = fact.data;
  const renewed = generation !== state.generation;
  const next = {
    ...state,
    name,
    labels,
    generation,
    spec,
    resource_version: state.resource_version + 1,
    updated_at: time,
    targets_current: renewed ? 0 : state.targets_current,
  };
  rows.states.put(withConditions(next, time));
}

function suspended(
  fact: FactOf<'state.suspended'> | FactOf<'state.resumed'>,
  time: string,
  rows: ViewRows,
  value: boolean,
): void {
  const state = rows.states.get(fact.tenantId, fact.data.state_id);
  if (!state) return;
  // Not a change of what was declared: the resource version, which updates are compared with, stays.
  rows.states.put(withConditions({ ...state, suspended: value, updated_at: time }, time));
}
