import { type LiftableLimit, type Limits } from '@fluxforge/events/catalogue';
import { command, fact, given, hash, limits, t0 } from '../tasks-context/scenario.fixture.js';

const acceptedAs = (id: string) => ({ type: 'command.accepted' as const, data: { resource_id: id } });
const rejectedWith = (code: string) => ({ type: 'command.rejected' as const, data: { code } });

describe('tenant.create', () => {
  const create = command('tenant.create', { tenant_id: 't', name: 't' });

  it('creates, with the default limits where none are said', () => {
    given()
      .when(create)
      .then({ type: 'tenant.created', data: { tenant_id: 't', limits: { max_queued_tasks: 100_000 } } });
  });
  it('keeps the limits that are said', () => {
    given()
      .when(command('tenant.create', { tenant_id: 't', name: 't', limits }))
      .then({ type: 'tenant.created', data: { limits } });
  });
  it('refuses another name for the same id, and a foreign id', () => {
    const renamed = command('tenant.create', { tenant_id: 't', name: 'other' });
    given(fact.tenant()).when(renamed).then(rejectedWith('already_exists'));
    given()
      .when(command('tenant.create', { tenant_id: 'x', name: 'x' }))
      .then(rejectedWith('invalid'));
  });
  it('stays quiet when it is there already', () => {
    given(fact.tenant()).when(create).then(acceptedAs('t'));
  });
});

describe('tenant.set-limits', () => {
  const raise = command('tenant.set-limits', { limits: { ...limits, max_agents: 9 } });
  it('sets', () => {
    given(fact.tenant())
      .when(raise)
      .then({ type: 'tenant.limits-set', data: { limits: { max_agents: 9 } } });
  });
  it('refuses for a tenant that is not', () => {
    given().when(raise).then(rejectedWith('not_found'));
  });
  it('stays quiet when they are so', () => {
    given(fact.tenant()).when(command('tenant.set-limits', { limits })).then(acceptedAs('t'));
  });
});

describe('tenant.set-limits with a change', () => {
  const held = { ...limits, weight: 2, max_running_tasks: 5 };
  const tenant = fact.tenant('t', { limits: held });
  const change = (
    set: Partial<Limits>,
    unset: LiftableLimit[] = [],
    only_lower: { only_lower?: boolean } = {},
  ) => command('tenant.set-limits', { change: { set, unset }, ...only_lower });

  it('lays it over what holds, and says all of it', () => {
    given(tenant)
      .when(change({ max_agents: 9 }, ['max_running_tasks']))
      .then({ type: 'tenant.limits-set', data: { limits: { ...limits, weight: 2, max_agents: 9 } } });
  });
  it('stays quiet when nothing changes', () => {
    given(tenant)
      .when(change({ weight: 2 }))
      .then(acceptedAs('t'));
    given(tenant)
      .when(change({}, ['submissions_per_s']))
      .then(acceptedAs('t'));
  });
  it('refuses what contradicts itself, and a tenant that is not', () => {
    given(tenant)
      .when(change({ weight: 3 }, ['weight']))
      .then(rejectedWith('invalid'));
    given()
      .when(change({ weight: 3 }))
      .then(rejectedWith('not_found'));
  });
  it('refuses to raise any where it may only lower', () => {
    const lower = { only_lower: true };
    given(tenant)
      .when(change({ max_agents: 2, weight: 3 }, [], lower))
      .then(rejectedWith('forbidden'));
    given(tenant)
      .when(change({}, ['max_running_tasks'], lower))
      .then(rejectedWith('forbidden'));
    given(tenant)
      .when(change({ submissions_per_s: 5 }, ['weight'], lower))
      .then({ type: 'tenant.limits-set', data: { limits: { submissions_per_s: 5 } } });
    given(tenant)
      .when(change({ weight: 3 }, [], { only_lower: false }))
      .then({ type: 'tenant.limits-set', data: { limits: { weight: 3 } } });
  });
});

describe('keys', () => {
  const data = { key_id: 'k', key_hash: hash('b'), role: 'admin' as const, label: 'first' };
  const add = command('tenant.add-key', data);
  const added = { ...fact.tenant(), type: 'tenant.key-added' as const, subject: 'k', data };
  const revoked = { ...added, type: 'tenant.key-revoked' as const, data: { key_id: 'k' } };

  it('adds and revokes', () => {
    given(fact.tenant()).when(add).then({ type: 'tenant.key-added', data });
    given(fact.tenant(), added)
      .when(command('tenant.revoke-key', { key_id: 'k' }))
      .then({ type: 'tenant.key-revoked', data: { key_id: 'k' } });
  });
  it('refuses a known id with another hash, and to revoke what is not', () => {
    given(fact.tenant(), added)
      .when(command('tenant.add-key', { ...data, key_hash: hash('d') }))
      .then(rejectedWith('already_exists'));
    given(fact.tenant())
      .when(command('tenant.revoke-key', { key_id: 'k' }))
      .then(rejectedWith('not_found'));
    given().when(add).then(rejectedWith('not_found'));
  });
  it('stays quiet when repeated', () => {
    given(fact.tenant(), added).when(add).then(acceptedAs('k'));
    given(fact.tenant(), added, revoked)
      .when(command('tenant.revoke-key', { key_id: 'k' }))
      .then(acceptedAs('k'));
  });
  it('bounds the keys in use, and counts no revoked ones', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => ({
      ...added,
      subject: `k${i}`,
      data: { ...data, key_id: `k${i}` },
    }));
    given(fact.tenant(), ...many)
      .when(add)
      .then(rejectedWith('quota_exceeded'));
    const free = { ...revoked, data: { key_id: 'k7' } };
    given(fact.tenant(), ...many, free)
      .when(add)
      .then({ type: 'tenant.key-added', data });
  });
});

describe('join-token.create', () => {
  const data = {
    token_id: 'tok',
    token_hash: hash('a'),
    labels: { env: 'prod' },
    expires_at_ms: t0 + 60_000,
  };
  const create = command('join-token.create', data);

  it('creates', () => {
    given(fact.tenant()).when(create).then({ type: 'join-token.created', data });
  });
  it('refuses one that is expired, one that is known by another id, and one of no tenant', () => {
    given(fact.tenant())
      .when(create, t0 + 60_000)
      .then(rejectedWith('invalid'));
    given(fact.tenant(), fact.token({ token_id: 'other' }))
      .when(create)
      .then(rejectedWith('already_exists'));
    given(fact.tenant(), fact.token({ token_hash: hash('f') }))
      .when(create)
      .then(rejectedWith('already_exists'));
    given().when(create).then(rejectedWith('not_found'));
  });
  it('stays quiet when repeated', () => {
    given(fact.tenant(), fact.token()).when(create).then(acceptedAs('tok'));
  });
});
