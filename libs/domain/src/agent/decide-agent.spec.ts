import {
  command,
  connected,
  fact,
  given,
  hash,
  limits,
  message,
  t0,
} from '../tasks-context/scenario.fixture.js';

const acceptedAs = (id: string) => ({ type: 'command.accepted' as const, data: { resource_id: id } });
const rejectedWith = (code: string) => ({ type: 'command.rejected' as const, data: { code } });

const enrolment = {
  agent_id: 'a1',
  name: 'web-1',
  token_hash: hash('a'),
  credential_hash: hash('c'),
  labels: { env: 'dev', zone: 'x' },
  slots: 4,
  executors: ['shell' as const],
  agent_version: '1',
};

describe('agent.enrol', () => {
  const enrol = command('agent.enrol', enrolment);
  const used = fact.agent('a1');

  it('enrols, and the labels of the token win over those of the agent', () => {
    given(fact.tenant(), fact.token())
      .when(enrol)
      .then({
        type: 'agent.enrolled',
        data: {
          agent_id: 'a1',
          token_id: 'tok',
          token_labels: { env: 'prod' },
          labels: { env: 'prod', zone: 'x' },
        },
      });
  });
  it('writes no hash of the token into the event', () => {
    const { events } = given(fact.tenant(), fact.token()).when(enrol);
    expect(JSON.stringify(events)).not.toContain(hash('a'));
  });
  it('refuses a token that is unknown, expired, of another tenant, or used by another', () => {
    given(fact.tenant()).when(enrol).then(rejectedWith('token_invalid'));
    given().when(enrol).then(rejectedWith('token_invalid'));
    given(fact.tenant(), fact.token())
      .when(enrol, t0 + 60_000)
      .then(rejectedWith('token_invalid'));
    given(fact.tenant(), fact.tenant('u'), fact.token({}, 'u'))
      .when(enrol)
      .then(rejectedWith('token_invalid'));
    given(fact.tenant(), fact.token(), used)
      .when(command('agent.enrol', { ...enrolment, agent_id: 'a2', credential_hash: hash('d') }))
      .then(rejectedWith('token_invalid'));
  });
  it('refuses a token whose agent was removed', () => {
    const removed = { ...used, type: 'agent.removed' as const, data: { agent_id: 'a1' } };
    given(fact.tenant(), fact.token(), used, removed).when(enrol).then(rejectedWith('token_invalid'));
  });
  it('refuses one agent more than the limit, exactly', () => {
    const token = fact.token({ token_id: 'free', token_hash: hash('a') });
    const two = [fact.agent('x'), fact.agent('y')];
    const join = command('agent.enrol', enrolment);
    given(fact.tenant(), token, ...two)
      .when(join)
      .then({ type: 'agent.enrolled', data: {} });
    given(fact.tenant(), token, ...two, fact.agent('z'))
      .when(join)
      .then(rejectedWith('quota_exceeded'));
    expect(limits.max_agents).toBe(3);
  });
  it('stays quiet when the same agent asks again, also after the time of the token', () => {
    const again = command('agent.enrol', { ...enrolment, agent_id: 'a9' });
    given(fact.tenant(), fact.token(), used).when(again).then(acceptedAs('a1'));
    given(fact.tenant(), fact.token(), used)
      .when(again, t0 + 120_000)
      .then(acceptedAs('a1'));
  });
});

describe('agent.drain', () => {
  const drain = command('agent.drain', { agent_id: 'a1', drain: true });
  const drained = {
    ...fact.agent('a1'),
    type: 'agent.drain-set' as const,
    data: { agent_id: 'a1', drain: true },
  };
  it('drains', () => {
    given(fact.tenant(), fact.agent('a1'))
      .when(drain)
      .then({ type: 'agent.drain-set', data: { drain: true } });
  });
  it('refuses for an agent that is not, or is of another tenant', () => {
    given(fact.tenant()).when(drain).then(rejectedWith('not_found'));
    given(fact.tenant(), fact.tenant('u'), fact.agent('a1', {}, 'u'))
      .when(drain)
      .then(rejectedWith('not_found'));
  });
  it('stays quiet when it is so', () => {
    given(fact.tenant(), fact.agent('a1'), drained).when(drain).then(acceptedAs('a1'));
  });

  it('keeps the deadline that it is given', () => {
    given(fact.tenant(), fact.agent('a1'))
      .when(command('agent.drain', { agent_id: 'a1', drain: true, deadline_ms: t0 + 1 }))
      .then({ type: 'agent.drain-set', data: { agent_id: 'a1', drain: true, deadline_ms: t0 + 1 } });
  });
});

describe('agent.remove', () => {
  const remove = command('agent.remove', { agent_id: 'a1' });
  const removed = { ...fact.agent('a1'), type: 'agent.removed' as const, data: { agent_id: 'a1' } };
  it('removes', () => {
    given(fact.tenant(), fact.agent('a1'))
      .when(remove)
      .then({ type: 'agent.removed', data: { agent_id: 'a1' } });
  });
  it('refuses for an agent that is not, or no more', () => {
    given(fact.tenant()).when(remove).then(rejectedWith('not_found'));
    given(fact.tenant(), fact.agent('a1'), removed).when(remove).then(rejectedWith('not_found'));
  });
});

describe('an agent connects', () => {
  it('is found the first time', () => {
    given(fact.tenant(), fact.agent('a1'))
      .when(message(connected('a1')))
      .then({ type: 'agent.found', data: { agent_id: 'a1', reason: 'connected' } });
  });
  it('is found again after a loss', () => {
    given(fact.tenant(), fact.agent('a1'), fact.found('a1'), fact.lost('a1'))
      .when(message(connected('a1')))
      .then({ type: 'agent.found', data: { reason: 'reconnected' } });
  });
  it('says first what has changed, its token having the last word on labels', () => {
    given(fact.tenant(), fact.agent('a1', { token_labels: { env: 'prod' }, labels: { env: 'prod' } }))
      .when(message(connected('a1', { labels: { env: 'dev', zone: 'y' }, slots: 7 })))
      .then(
        { type: 'agent.changed', data: { labels: { env: 'prod', zone: 'y' }, slots: 7 } },
        { type: 'agent.found', data: {} },
      );
  });
  it('stays quiet when nothing is new, whatever the order of what it says', () => {
    given(fact.tenant(), fact.agent('a1'), fact.found('a1'))
      .when(message(connected('a1', { executors: ['shell', 'noop'] })))
      .then();
  });
  it('stays quiet about an agent that is not known', () => {
    given(fact.tenant())
      .when(message(connected('a1')))
      .then();
    given()
      .when(message(connected('a1')))
      .then();
  });
});
