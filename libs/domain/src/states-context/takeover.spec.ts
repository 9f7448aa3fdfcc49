import { World } from './world.fixture.js';

function compliantWorld(): World {
  const world = new World();
  world.enrol('a1');
  world.declare('s1');
  world.advance(1000);
  world.result();
  world.takeover();
  return world;
}

describe('a new owner from a snapshot', () => {
  it('goes on checking what is compliant, at its usual place', () => {
    const world = compliantWorld();
    const usualMs = world.context.wakeAtMs(world.state);
    world.takeover();
    expect(world.context.wakeAtMs(world.state)).toBe(usualMs);
    expect(usualMs).toBeLessThanOrEqual(world.nowMs + 60_000);
    world.advance(60_000);
    expect(world.takeRequests().length).toBeGreaterThan(0);
  });

  it('finds an agent that nobody has joined to its states yet', () => {
    const world = compliantWorld();
    world.log.push({
      foreign: {
        type: 'agent.enrolled',
        tenantId: 'acme',
        subject: 'a2',
        id: 'f',
        timeMs: world.nowMs,
        data: {
          agent_id: 'a2',
          name: 'a2',
          token_id: 't',
          credential_hash: '0'.repeat(32),
          token_labels: {},
          labels: {},
          slots: 1,
          executors: ['shell'],
          agent_version: '1',
        },
      },
    });
    world.takeover();
    expect(world.target('a2').finding).toBe('none');
  });

  it('lets an agent go that was removed meanwhile', () => {
    const world = compliantWorld();
    world.log.push({
      foreign: {
        type: 'agent.removed',
        tenantId: 'acme',
        subject: 'a1',
        id: 'f',
        timeMs: world.nowMs,
        data: { agent_id: 'a1' },
      },
    });
    world.takeover();
    expect(world.ofType('targets.changed').at(-1)?.data.removed).toHaveLength(1);
  });

  it('does not read a snapshot of another shape', () => {
    const { context, state } = compliantWorld();
    const text = context.serialize(state);
    expect(context.deserialize(text)).not.toBeNull();
    expect(context.deserialize(text.replace('"shape":1', '"shape":0'))).toBeNull();
    expect(context.deserialize('nonsense')).toBeNull();
    expect(context.deserialize('null')).toBeNull();
  });
});

describe('a new owner of the dispatcher side', () => {
  it('is asked anew for what was in flight, within about a second and not as late as the timeout', () => {
    const world = new World();
    world.enrol('a1');
    world.declare('s1');
    world.advance(1000);
    expect(world.takeRequests()).toHaveLength(1);
    world.context.foreignClaimed?.(world.state, world.nowMs);
    expect(world.target('a1').missed).toBe(0);
    world.advance(1000);
    expect(world.takeRequests()).toHaveLength(1);
    world.result();
    expect(world.target('a1').finding).toBe('compliant');
  });

  it('changes nothing when nothing is in flight', () => {
    const world = compliantWorld();
    const before = world.context.wakeAtMs(world.state);
    world.context.foreignClaimed?.(world.state, world.nowMs);
    expect(world.context.wakeAtMs(world.state)).toBe(before);
  });
});
