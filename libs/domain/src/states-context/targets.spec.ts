import { World, stateSpec } from './world.fixture.js';

const web = [{ key: 'role', op: 'in' as const, values: ['web'] }];

describe('targets', () => {
  it('follow agents that join, are relabelled, and are removed', () => {
    const world = new World();
    world.declare('s1', { selector: web });
    expect(world.ofType('targets.changed')).toHaveLength(0);
    world.enrol('a1', { role: 'web' });
    world.enrol('a2', { role: 'db' });
    expect(world.ofType('targets.changed').at(-1)?.data).toEqual({
      state_id: 's1',
      added: ['a1'],
      removed: [],
    });
    world.relabel('a2', { role: 'web' });
    expect(world.ofType('targets.changed').at(-1)?.data.added).toEqual(['a2']);
    world.relabel('a1', { role: 'db' });
    expect(world.ofType('targets.changed').at(-1)?.data.removed).toEqual([
      { agent_id: 'a1', reason: 'selector_no_longer_matches' },
    ]);
    world.foreign('agent.removed', { agent_id: 'a2' });
    expect(world.ofType('targets.changed').at(-1)?.data.removed).toEqual([
      { agent_id: 'a2', reason: 'agent_removed' },
    ]);
    expect(world.ofType('targets.changed')).toHaveLength(4);
  });

  it('follow the selector of an update', () => {
    const world = new World();
    world.enrol('a1', { role: 'web' });
    world.enrol('a2', { role: 'db' });
    world.declare('s1');
    world.update('s1', { selector: web });
    expect(world.ofType('targets.changed').at(-1)?.data.removed).toHaveLength(1);
  });

  it('keeps the labels that the join token gave, whatever the agent says of itself', () => {
    const world = new World();
    world.foreign('agent.enrolled', {
      agent_id: 'a1',
      name: 'a1',
      token_id: 't',
      credential_hash: '0'.repeat(32),
      token_labels: { role: 'db' },
      labels: { role: 'web' },
      slots: 1,
      executors: ['shell'],
      agent_version: '1',
    });
    world.declare('s1', { selector: web });
    world.relabel('a1', { role: 'web' });
    expect(world.ofType('targets.changed')).toHaveLength(0);
  });

  it('are never those of another tenant', () => {
    const world = new World();
    world.enrol('a1');
    const data = { state_id: 's1', name: 's1', labels: {}, spec: stateSpec() };
    world.command('state.declare', data, 'other');
    world.advance(5000);
    expect(world.ofType('targets.changed')).toHaveLength(0);
    expect(world.takeRequests()).toHaveLength(0);
  });

  it('come in events of at most 500, over as many steps as the room makes it', () => {
    const world = new World();
    for (let i = 0; i < 1234; i++) world.enrol(`a${i}`);
    world.append([
      {
        type: 'state.declared',
        tenantId: 'acme',
        subject: 's1',
        data: { state_id: 's1', name: 's1', labels: {}, generation: 1, spec: stateSpec() },
      },
    ]);
    const step = world.context.plan(world.state, world.nowMs, 2);
    expect(step.length).toBeLessThanOrEqual(2);
    world.settle(2);
    const events = world.ofType('targets.changed');
    expect(Math.max(...events.map(({ data }) => data.added.length))).toBe(500);
    expect(new Set(events.flatMap(({ data }) => data.added)).size).toBe(1234);
    expect(events.flatMap(({ data }) => data.added)).toHaveLength(1234);
  });

  it('are decided again when the events of a step did not reach the log', () => {
    const world = new World();
    world.declare('s1');
    world.context.evolveForeign(world.state, {
      type: 'agent.enrolled',
      tenantId: 'acme',
      subject: 'a1',
      id: 'f',
      timeMs: 1,
      data: {
        agent_id: 'a1',
        name: 'a1',
        token_id: 't',
        credential_hash: '0'.repeat(32),
        token_labels: {},
        labels: {},
        slots: 1,
        executors: ['shell'],
        agent_version: '1',
      },
    });
    const first = world.context.plan(world.state, world.nowMs, 500);
    expect(first).toHaveLength(1);
    expect(world.context.plan(world.state, world.nowMs, 500)).toEqual(first);
  });
});

describe('a lost agent', () => {
  it('keeps its targets, unknown once, and is not checked until it is found', () => {
    const world = new World();
    world.enrol('a1');
    world.declare('s1');
    world.advance(1000);
    world.result();
    world.takeRequests();
    world.lose('a1');
    expect(world.ofType('target.unknown').map(({ data }) => data.reason)).toEqual(['agent_lost']);
    expect(world.state.tenants.get('acme')?.states.get('s1')?.targets.size).toBe(1);
    world.advance(600_000);
    expect(world.takeRequests()).toEqual([]);
    expect(world.ofType('target.unknown')).toHaveLength(1);
    world.find('a1');
    world.advance(5000);
    expect(world.takeRequests()).toHaveLength(1);
    world.result();
    expect(world.ofType('target.compliant')).toHaveLength(2);
  });

  it('gets no apply for a drift that was found before it was lost', () => {
    const world = new World();
    world.enrol('a1');
    world.enrol('a2');
    world.declare('s1', { max_concurrency: { count: 1 } });
    world.advance(1000);
    world.result({ exit_code: 1 }, 'a1');
    world.result({ exit_code: 1 }, 'a2');
    world.lose('a2');
    world.find('a2');
    world.endTask(world.lastRequest('a1'), 'succeeded');
    world.result({ exit_code: 0 }, 'a1');
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.result({ exit_code: 1 }, 'a2');
    expect(world.ofType('remediation.requested')).toHaveLength(2);
    expect(world.ofType('drift.detected')).toHaveLength(3);
  });

  it('frees the place of an apply that cannot be verified', () => {
    const world = new World();
    world.enrol('a1');
    world.enrol('a2');
    world.declare('s1', { max_concurrency: { count: 1 } });
    world.advance(1000);
    world.result({ exit_code: 1 }, 'a1');
    world.result({ exit_code: 1 }, 'a2');
    world.endTask(world.lastRequest('a1'), 'succeeded');
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.lose('a1');
    expect(world.lastRequest('a2').attempt).toBe(1);
    world.find('a1');
    world.result({ exit_code: 1 }, 'a1');
    expect(world.ofType('remediation.failed').at(-1)?.data).toMatchObject({ agent_id: 'a1', counted: true });
  });
});
