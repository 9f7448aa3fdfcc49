import { type Labels, type StateSpec } from '@fluxforge/events/catalogue';
import { makeStatesContext } from '@fluxforge/domain/states-context';
import { pastTargetAnswer, targetAnswer } from './target-view.js';

const question = { kind: 'explain-target', tenant_id: 't', state_id: 's1', agent_id: 'a1' } as const;
const context = makeStatesContext();
const spec: StateSpec = {
  check_cmd: 'true',
  apply_cmd: 'true',
  selector: [{ key: 'zone', op: 'in', values: ['eu'] }],
  interval_ms: 60_000,
  check_timeout_ms: 1_000,
  apply_timeout_ms: 1_000,
  mode: 'enforce',
  max_concurrency: { count: 1 },
  max_failures: { percent: 0 },
  attempts: 1,
  backoff: { base_ms: 1_000, max_ms: 1_000 },
  priority: 5,
};

function world(...agents: [string, Labels][]) {
  const state = context.initial(0);
  const at = { tenantId: 't', subject: 'x', timeMs: 0 };
  for (const [agent_id, labels] of agents) {
    const said = { name: agent_id, token_id: 'x', credential_hash: '', token_labels: {}, slots: 1 };
    const data = { ...said, agent_id, labels, executors: ['shell' as const], agent_version: '1' };
    context.evolveForeign(state, { ...at, type: 'agent.enrolled', id: agent_id, data });
    const found = { agent_id, reason: 'connected' as const };
    context.evolveForeign(state, { ...at, type: 'agent.found', id: `${agent_id}+`, data: found });
  }
  const declared = { state_id: 's1', name: 's1', labels: {}, generation: 1, spec };
  context.evolve(state, { ...at, type: 'state.declared', id: 'e1', data: declared });
  for (const one of context.plan(state, 0, 100)) context.evolve(state, { ...one, id: 'e2', timeMs: 0 });
  return state;
}

function drift(state: ReturnType<typeof world>, agent_id: string): void {
  const data = {
    state_id: 's1',
    agent_id,
    generation: 1,
    round: 1,
    outcome: 'exited',
    exit_code: 1,
  } as const;
  const fact = { tenantId: 't', subject: 's1', id: agent_id, timeMs: 0 };
  context.evolve(state, { ...fact, type: 'drift.detected', data });
}

describe('an answer about a target', () => {
  it('says why there is none', () => {
    const state = world(['a1', { zone: 'us', role: 'web' }], ['a2', {}]);
    const why = (over: object) => targetAnswer({ ...question, ...over }, state, 0);
    expect(why({ state_id: 's2' })).toEqual({ absent: 'There is no state s2.' });
    expect(why({ agent_id: 'a3' })).toEqual({ absent: 'There is no agent a3.' });
    expect(why({ tenant_id: 'u' })).toEqual({ absent: 'There is no state s1.' });
    const selects = 'it selects zone=eu, and the agent';
    expect(why({})).toEqual({
      absent: `State s1 is not for agent a1: ${selects} has the labels role=web,zone=us.`,
    });
    expect(why({ agent_id: 'a2' })).toEqual({
      absent: `State s1 is not for agent a2: ${selects} has no labels.`,
    });
  });

  it('names changes as the fields of a state are written', () => {
    const state = world(['a1', { zone: 'eu' }], ['a2', { zone: 'eu' }]);
    drift(state, 'a2');
    for (const one of context.plan(state, 0, 100)) context.evolve(state, { ...one, id: 'e3', timeMs: 0 });
    drift(state, 'a1');
    expect(targetAnswer(question, state, 0)).toMatchObject({
      reason: 'max_concurrency',
      message: 'The places of max_concurrency are taken (1 of 1).',
      remedies: [
        { kind: 'finish-applies', agent_ids: ['a2'], more: 0 },
        { kind: 'change-state', change: { max_concurrency: '2' } },
      ],
    });
    const past = pastTargetAnswer(question, state, 0);
    expect(past).toMatchObject({ reason: 'max_concurrency', as_of: '1970-01-01T00:00:00.000Z' });
  });
});
