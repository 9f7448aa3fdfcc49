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

describe('an apply whose task waits', () => {
  const minuteMs = 60_000;
  /** Twenty past twelve, which is within ten minutes. */
  const shutMs = 20 * minuteMs;
  const untilThen: ChangeWindow = { ...atOne, cron: '0 0 * * *', duration_ms: shutMs };
  const fromThen: ChangeWindow = { ...denied, cron: '20 0 * * *', duration_ms: hourMs };

  it.each<[string, ChangeWindow[] | undefined, number]>([
    ['the opening in which it was asked for', [untilThen], shutMs],
    ['what a denial leaves of it', [{ ...untilThen, duration_ms: hourMs }, fromThen], shutMs],
    ['the usual span of a longer one', [{ ...untilThen, duration_ms: hourMs }], 0],
    ['the usual span without windows', undefined, 0],
  ])('begins within %s', (_, windows, notAfterMs) => {
    const world = drifted({ ...(windows && { windows }) });
    const usualMs = world.nowMs + defaultReconcilingPolicy.remediationWindowMs;
    expect(world.lastRequest().not_after_ms).toBe(notAfterMs || usualMs);
  });

  it.each<[string, ChangeWindow, string, number]>([
    ['shut', untilThen, 'change_window_closed', 24 * hourMs],
    ['denied', fromThen, 'change_window_denied', shutMs + hourMs],
  ])('waits for the next opening when this one is %s first, at no cost', (_, window, reason, opensMs) => {
    const patient = { base_ms: 100 * hourMs, max_ms: 100 * hourMs };
    const world = drifted({ windows: [window], attempts: 1, backoff: patient });
    world.advance(shutMs - world.nowMs);
    world.endTask(world.lastRequest(), 'expired');
    expect(world.ofType('remediation.failed')).toMatchObject([
      { data: { end: 'expired', reason, counted: false, retry_at_ms: shutMs } },
    ]);
    world.takeover();
    world.advance(1_000);
    world.result({ exit_code: 1 });
    expect(explain(world)).toMatchObject({ bucket: 'hold', reason, heldUntilMs: opensMs, attemptsUsed: 0 });
    expect(world.target().failures).toBe(0);
    world.advance(opensMs - world.nowMs - 1);
    expect(world.ofType('remediation.requested')).toHaveLength(1);
    world.advance(1);
    world.result({ exit_code: 1 });
    expect(world.lastRequest().attempt).toBe(2);
  });

  it('and that is too late in an opening which goes on waits its backoff, as ever', () => {
    const world = drifted({ windows: [{ ...untilThen, duration_ms: hourMs }] });
    const request = world.lastRequest();
    world.advance(request.not_after_ms - world.nowMs);
    world.endTask(request, 'expired');
    const [failed] = world.ofType('remediation.failed');
    expect(failed!.data).toMatchObject({ reason: 'not_after_passed', counted: false });
    expect(failed!.data.retry_at_ms).toBeGreaterThan(world.nowMs);
    expect(world.target().failures).toBe(1);
  });

  it('and that failed counts, whatever the window does meanwhile', () => {
    const world = drifted({ windows: [untilThen] });
    world.advance(shutMs - world.nowMs);
    world.endTask(world.lastRequest(), 'failed');
    expect(world.ofType('remediation.failed')).toMatchObject([{ data: { end: 'failed', counted: true } }]);
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
