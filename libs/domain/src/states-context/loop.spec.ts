import { World } from './world.fixture.js';

describe('the loop of a declared state', () => {
  it('goes from declared to drifted, applied, and verified', () => {
    const world = new World();
    world.enrol('a1');
    world.declare('s1');
    world.advance(1000);
    const [asked] = world.takeRequests();
    expect(asked).toMatchObject({ kind: 'request-checks', tenantId: 'acme', agentId: 'a1' });
    expect(asked?.checks).toHaveLength(1);
    world.result({ exit_code: 1 });
    const request = world.lastRequest();
    world.advance(500);
    expect(world.takeRequests()).toEqual([]);
    world.endTask(request, 'succeeded');
    const [verifying] = world.takeRequests();
    expect(verifying?.checks[0]?.round).toBeGreaterThan(asked!.checks[0]!.round);
    world.result({ exit_code: 0 });
    expect(world.types()).toEqual([
      'state.declared',
      'targets.changed',
      'drift.detected',
      'remediation.requested',
      'remediation.applied',
      'compliance.restored',
    ]);
    expect(world.ofType('compliance.restored')[0]?.data.attempts_used).toBe(1);
  });

  it('counts an apply that did not help, backs off, and gives up after the attempts', () => {
    const world = new World();
    world.enrol('a1');
    world.declare('s1', { attempts: 2 });
    world.advance(1000);
    world.result({ exit_code: 1 });
    world.endTask(world.lastRequest(), 'succeeded');
    world.result({ exit_code: 1 });
    const [failed] = world.ofType('remediation.failed');
    expect(failed?.data).toMatchObject({ counted: true, end: 'succeeded', reason: 'exit_nonzero' });
    expect(failed?.data.retry_at_ms).toBeGreaterThan(world.nowMs);
    world.advance(1000);
    expect(world.lastRequest().attempt).toBe(2);
    world.endTask(world.lastRequest(), 'failed');
    expect(world.types().slice(-2)).toEqual(['remediation.failed', 'remediation.given-up']);
    world.advance(60_000);
    expect(world.takeRequests().length).toBeGreaterThan(0);
    world.result({ exit_code: 0 });
    expect(world.ofType('compliance.restored').at(-1)?.data.attempts_used).toBe(2);
    expect(world.target()).toMatchObject({ stage: 'idle', attemptsUsed: 0, requests: 2 });
  });
});
