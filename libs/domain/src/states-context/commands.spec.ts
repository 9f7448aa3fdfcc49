import { type Decided } from '@fluxforge/events/catalogue';
import { defaultTasksPolicy } from '@fluxforge/domain/tasks-context';
import { declaredBytes } from '@fluxforge/domain/tenant';
import { deletedKeptMs } from '../desired-state/desired-state.js';
import { defaultStatesPolicy } from './context.js';
import { World, acme, stateSpec, type Own } from './world.fixture.js';

function refusal(decided: readonly Decided<Own>[]) {
  expect(decided).toHaveLength(1);
  const [event] = decided;
  if (event?.type !== 'command.rejected') throw new Error(`expected a refusal, got ${event?.type}`);
  return event.data;
}

function expectAccepted(decided: readonly Decided<Own>[], id = 's1'): void {
  expect(decided).toMatchObject([{ type: 'command.accepted', data: { resource_id: id } }]);
}

describe('state.declare', () => {
  it('emits state.declared at generation 1', () => {
    const world = new World();
    const decided = world.declare('s1');
    expect(decided).toMatchObject([{ type: 'state.declared', subject: 's1', tenantId: acme }]);
    expect(decided[0]?.data).toMatchObject({ state_id: 's1', generation: 1, spec: stateSpec() });
  });

  it('refuses a name that another live state of the tenant has', () => {
    const world = new World();
    world.declare('s1', {}, 'motd');
    expect(refusal(world.declare('s2', {}, 'motd'))).toMatchObject({
      code: 'already_exists',
      resource_id: 's1',
    });
    world.command('state.delete', { state_id: 's1' });
    expect(world.declare('s2', {}, 'motd')[0]?.type).toBe('state.declared');
  });

  it('lets another tenant have the same name and the same id', () => {
    const world = new World();
    world.declare('s1');
    const data = { state_id: 's1', name: 's1', labels: {}, spec: stateSpec() };
    expect(world.command('state.declare', data, 'other')[0]?.type).toBe('state.declared');
  });

  it('refuses the same id with other content', () => {
    const world = new World();
    world.declare('s1');
    expect(refusal(world.declare('s1', { attempts: 9 })).code).toBe('already_exists');
  });

  it('refuses beyond max_states, as last set', () => {
    const world = new World();
    const limits = { max_queued_tasks: 1, max_agents: 1, max_states: 1 };
    world.foreign('tenant.created', { tenant_id: acme, name: acme, limits });
    world.declare('s1');
    expect(refusal(world.declare('s2')).code).toBe('quota_exceeded');
    world.foreign('tenant.limits-set', { limits: { ...limits, max_states: 2 } });
    expect(world.declare('s2')[0]?.type).toBe('state.declared');
    world.command('state.delete', { state_id: 's1' });
    expect(world.declare('s3')[0]?.type).toBe('state.declared');
  });

  it('refuses what takes more bytes than max_declared_bytes allows, beside what is there', () => {
    const words = (n: number) => ({ check_cmd: 'x'.repeat(n) });
    const bytesOf = (n: number) => declaredBytes({ name: 's1', labels: {}, spec: stateSpec(words(n)) });
    const most = bytesOf(100) + bytesOf(200);
    const limits = { max_queued_tasks: 1, max_agents: 1, max_states: 9, max_declared_bytes: most };
    const world = new World();
    world.foreign('tenant.created', { tenant_id: acme, name: acme, limits });
    const bytes = () => world.state.tenants.get(acme)!.bytes;
    expect(world.declare('s1', words(100))[0]?.type).toBe('state.declared');
    expect(refusal(world.declare('s2', words(201)))).toMatchObject({
      code: 'quota_exceeded',
      message: `max_declared_bytes is ${most}: this takes ${bytesOf(201)} beside ${bytesOf(100)} that are there`,
    });
    expect(world.declare('s2', words(200))[0]?.type).toBe('state.declared');
    expect(bytes()).toBe(most);
    expect(refusal(world.update('s2', words(201))).code).toBe('quota_exceeded');
    expect(world.update('s1', words(60))[0]?.type).toBe('state.updated');
    expect(world.update('s2', words(240))[0]?.type).toBe('state.updated');
    expect(bytes()).toBe(most);
    // Whatever the limit is by now: what is there may shrink.
    world.foreign('tenant.limits-set', { limits: { ...limits, max_declared_bytes: 1 } });
    expect(world.update('s2', words(239))[0]?.type).toBe('state.updated');
    expect(refusal(world.update('s2', words(240))).code).toBe('quota_exceeded');
    for (const state_id of ['s1', 's2']) world.command('state.delete', { state_id });
    expect(bytes()).toBe(0);
  });

  it('holds to the default before the limits of the tenant are known, and where it has none set', () => {
    const most = declaredBytes({ name: 's1', labels: {}, spec: stateSpec() });
    const world = new World({ defaultMaxDeclaredBytes: most });
    expect(world.declare('s1')[0]?.type).toBe('state.declared');
    expect(refusal(world.declare('s2')).message).toContain(`max_declared_bytes is ${most}`);
    const limits = { max_queued_tasks: 1, max_agents: 1, max_states: 9 };
    world.foreign('tenant.created', { tenant_id: acme, name: acme, limits });
    expect(refusal(world.declare('s2')).code).toBe('quota_exceeded');
    expect(defaultStatesPolicy.defaultMaxDeclaredBytes).toBe(
      defaultTasksPolicy.defaultLimits.max_declared_bytes,
    );
  });

  it('refuses an id that was deleted within the day, and takes it after that', () => {
    const world = new World();
    world.declare('s1');
    world.command('state.delete', { state_id: 's1' });
    world.advance(deletedKeptMs - 1);
    expect(refusal(world.declare('s1')).code).toBe('gone');
    world.advance(1);
    expect(world.declare('s1')[0]?.type).toBe('state.declared');
  });

  it('stays quiet, with an answer, when the same is declared again, even after an update', () => {
    const world = new World();
    world.declare('s1');
    expectAccepted(world.declare('s1'));
    world.update('s1', { attempts: 9 });
    expectAccepted(world.declare('s1'));
    expect(world.ofType('state.declared')).toHaveLength(1);
  });

  it('does not mind the order of keys', () => {
    const world = new World();
    world.declare('s1');
    const spec = Object.fromEntries(Object.entries(stateSpec()).reverse()) as ReturnType<typeof stateSpec>;
    expectAccepted(world.command('state.declare', { spec, labels: {}, name: 's1', state_id: 's1' }));
  });
});

describe('state.update', () => {
  it('raises the generation when the spec changes, and not for name or labels', () => {
    const world = new World();
    world.declare('s1');
    const spec = stateSpec();
    expect(
      world.command('state.update', { state_id: 's1', name: 'new', labels: { a: 'b' }, spec })[0]?.data,
    ).toMatchObject({ generation: 1, name: 'new' });
    expect(world.update('s1', { attempts: 9 })[0]?.data).toMatchObject({ generation: 2 });
  });

  it('checks if_version against the count of changes to the declared fields', () => {
    const world = new World();
    world.declare('s1');
    world.command('state.suspend', { state_id: 's1' });
    expect(world.update('s1', { attempts: 8 }, 1)[0]?.type).toBe('state.updated');
    const refused = refusal(world.update('s1', { attempts: 9 }, 1));
    expect(refused).toMatchObject({
      code: 'precondition_failed',
      message: expect.stringContaining('2') as string,
    });
    expect(world.update('s1', { attempts: 9 }, 2)[0]?.type).toBe('state.updated');
  });

  it('refuses what is not there, and a name that is taken', () => {
    const world = new World();
    expect(refusal(world.update('s1', {})).code).toBe('not_found');
    world.declare('s1');
    world.declare('s2');
    const data = { state_id: 's1', name: 's2', labels: {}, spec: stateSpec() };
    expect(refusal(world.command('state.update', data)).code).toBe('already_exists');
  });

  it('stays quiet when nothing changes', () => {
    const world = new World();
    world.declare('s1');
    expectAccepted(world.update('s1', {}));
  });

  it('frees the old name', () => {
    const world = new World();
    world.declare('s1', {}, 'old');
    world.update('s1', {});
    expect(world.declare('s2', {}, 'old')[0]?.type).toBe('state.declared');
    expect(refusal(world.declare('s3', {}, 's1')).code).toBe('already_exists');
  });
});

describe('state.delete', () => {
  it('emits state.deleted', () => {
    const world = new World();
    world.declare('s1');
    const decided = world.command('state.delete', { state_id: 's1', if_version: 1 });
    expect(decided).toMatchObject([{ type: 'state.deleted', data: { state_id: 's1' } }]);
  });

  it('refuses what never was, and another version', () => {
    const world = new World();
    expect(refusal(world.command('state.delete', { state_id: 's1' })).code).toBe('not_found');
    world.declare('s1');
    expect(refusal(world.command('state.delete', { state_id: 's1', if_version: 2 })).code).toBe(
      'precondition_failed',
    );
  });

  it('stays quiet when it is deleted already', () => {
    const world = new World();
    world.declare('s1');
    world.command('state.delete', { state_id: 's1' });
    expectAccepted(world.command('state.delete', { state_id: 's1' }));
  });
});

describe.each([
  ['state.suspend', 'state.suspended', 'state.resume'],
  ['state.resume', 'state.resumed', 'state.suspend'],
] as const)('%s', (command, event, opposite) => {
  function declared(): World {
    const world = new World();
    world.declare('s1');
    if (command === 'state.resume') world.command(opposite, { state_id: 's1' });
    return world;
  }

  it(`emits ${event}`, () => {
    expect(declared().command(command, { state_id: 's1' })).toMatchObject([{ type: event }]);
  });

  it('refuses what is not there, or was deleted', () => {
    const world = declared();
    expect(refusal(world.command(command, { state_id: 's2' })).code).toBe('not_found');
    world.command('state.delete', { state_id: 's1' });
    expect(refusal(world.command(command, { state_id: 's1' })).code).toBe('not_found');
  });

  it('stays quiet when it is so already', () => {
    const world = declared();
    world.command(command, { state_id: 's1' });
    expectAccepted(world.command(command, { state_id: 's1' }));
  });
});

it('answers a command of the other context instead of dropping it', () => {
  const world = new World();
  const decided = world.context.decide(
    world.state,
    {
      kind: 'command',
      command: {
        type: 'task.cancel',
        data: { task_id: 't' },
        id: 'c',
        tenantId: acme,
        provenance: { actor: 'a', reason: null, causationId: 'c', correlationId: 'c', traceparent: null },
      },
    },
    1,
  );
  expect(refusal(decided).code).toBe('invalid');
});
