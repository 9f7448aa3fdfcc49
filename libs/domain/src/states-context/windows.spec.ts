import { type ChangeWindow, type StateSpec } from '@fluxforge/events/catalogue';
import { defaultReconcilingPolicy, explainTarget } from '@fluxforge/domain/reconciling';
import { acme, World } from './world.fixture.js';

const hourMs = 3_600_000;
/** The clock of these worlds begins at 00:16:40 UTC. */
const atOne: ChangeWindow = { effect: 'allow', cron: '0 1 * * *', time_zone: 'UTC', duration_ms: hourMs };
const denied: ChangeWindow = { effect: 'deny', cron: '0 0 * * *', time_zone: 'UTC', duration_ms: 2 * hourMs };

function drifted(spec: Partial<StateSpec>, agents = ['a1']): World {
  const world = new World();
  for (const agent of agents) world.enrol(agent);
  world.declare('s1', { interval_ms: 24 * hourMs, apply_timeout_ms: 24 * hourMs, ...spec });
  world.advance(1_000);
  for (const agent of agents) world.result({ exit_code: 1 }, agent);
  return world;
}

function explain(world: World) {
  const at = { tenantId: acme, stateId: 's1', agentId: 'a1' };
  return explainTarget(world.state, at, world.nowMs, defaultReconcilingPolicy);
}

describe('a change window', () => {
  it('holds a remediation back until it opens; checks and findings go on', () => {
    const world = drifted({ windows: [atOne] });
    expect(world.ofType('drift.detected')).toHaveLength(1);
    expect(explain(world)).toMatchObject({
      bucket: 'hold',
      reason: 'change_window_closed',
      heldUntilMs: hourMs,
    });
    expect(world.context.wakeAtMs(world.state)).toBe(hourMs);
    world.advance(hourMs - world.nowMs - 1);
    expect(world.ofType('remediation.requested')).toHaveLength(0);
    world.advance(1);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
  });

  it('a denial wins, and has its own reason', () => {
    const later = drifted({ windows: [{ ...atOne, duration_ms: 2 * hourMs }, denied] });
    expect(explain(later)).toMatchObject({ reason: 'change_window_denied', heldUntilMs: 2 * hourMs });
    later.advance(2 * hourMs - later.nowMs);
    expect(later.ofType('remediation.requested')).toHaveLength(1);
  });

  it('lets go on what is in flight when it shuts', () => {
    const world = drifted({ windows: [{ ...denied, cron: '0 1 * * *' }] });
    const request = world.lastRequest();
    world.advance(hourMs - world.nowMs + 1_000);
    expect(explain(world)).toMatchObject({ reason: 'in_flight' });
    expect(world.ofType('remediation.withdrawn')).toHaveLength(0);
    world.endTask(request, 'succeeded');
    world.result({ exit_code: 0 });
    expect(world.ofType('compliance.restored')).toHaveLength(1);
  });

  it('that shut while a target waited for its budget lets it go on when it opens', () => {
    const windows = [{ ...denied, cron: '0 1 * * *', duration_ms: hourMs }];
    const world = drifted({ windows, max_concurrency: { count: 1 } }, ['a1', 'a2']);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.advance(hourMs - world.nowMs);
    const { agent_id: first } = world.ofType('remediation.requested')[0]!.data;
    world.endTask(world.lastRequest(first), 'succeeded');
    world.result({ exit_code: 0 }, first);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.advance(hourMs);
    expect(world.ofType('remediation.requested')).toHaveLength(2);
  });

  it('is the same after a takeover', () => {
    const world = drifted({ windows: [atOne] });
    world.takeover();
    expect(world.context.wakeAtMs(world.state)).toBeLessThanOrEqual(hourMs);
    world.takeover();
    world.advance(hourMs - world.nowMs);
    world.result({ exit_code: 1 });
    expect(world.ofType('remediation.requested')).toHaveLength(1);
  });
});

describe('windows that cannot be', () => {
  const invalid = { type: 'command.rejected', data: { code: 'invalid' } };
  it.each<[string, ChangeWindow[]]>([
    ['windows[0].cron: hour', [{ ...atOne, cron: '0 25 * * *' }]],
    ['windows[1].time_zone: is not', [atOne, { ...atOne, time_zone: 'Mars/Olympus' }]],
    ['windows: no remediation could begin', [{ ...atOne, cron: '0 0 30 2 *' }]],
    ['windows: no remediation could begin', [{ ...denied, cron: '* * * * *' }]],
    ['windows: no remediation could begin', [atOne, denied]],
  ])('are refused: %s', (message, windows) => {
    const world = new World();
    const [event] = world.declare('s1', { windows });
    expect(event).toMatchObject(invalid);
    expect((event!.data as { message: string }).message).toContain(message);
    world.declare('s1');
    expect(world.update('s1', { windows })[0]).toMatchObject(invalid);
  });

  it('do not keep a repeated declaration or an unchanged state from its answer', () => {
    const world = new World();
    world.declare('s1', { windows: [atOne] });
    expect(world.declare('s1', { windows: [atOne] })[0]).toMatchObject({ type: 'command.accepted' });
  });
});
