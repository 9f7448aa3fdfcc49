import { type CheckOutcome } from '@fluxforge/events/catalogue';
import { roundOf } from '@fluxforge/domain/desired-state';
import { World, startMs, stateSpec } from './world.fixture.js';

function world(policy = {}): World {
  const made = new World(policy);
  made.enrol('a1');
  return made;
}

/** The world right after its first check was asked. */
function asked(policy = {}): World {
  const made = world(policy);
  made.declare('s1');
  made.advance(1000);
  return made;
}

const sayNothing: [CheckOutcome, number | undefined][] = [
  ['exited', 126],
  ['exited', 127],
  ['exited', undefined],
  ['timed_out', undefined],
  ['signalled', undefined],
  ['not_executable', undefined],
  ['spawn_failed', undefined],
  ['refused', undefined],
];

describe('checks are due', () => {
  it('within a second for a new target, then once per interval, always at the same place in it', () => {
    const w = asked();
    const times: number[] = [];
    expect(w.takeRequests()).toHaveLength(1);
    w.result();
    for (let i = 0; i < 300; i++) {
      w.advance(1000);
      if (w.takeRequests().length === 0) continue;
      times.push(w.nowMs);
      w.result();
    }
    expect(times).toHaveLength(5);
    expect(new Set(times.map((t) => t % 60_000)).size).toBe(1);
  });

  it('spread over the interval', () => {
    const w = new World();
    for (let i = 0; i < 200; i++) w.enrol(`a${i}`);
    w.declare('s1');
    w.advance(1000);
    w.takeRequests();
    for (let i = 0; i < 200; i++) w.result({}, `a${i}`);
    const perTenth: number[] = [];
    for (let i = 0; i < 10; i++) {
      w.advance(6000);
      const asked = w.takeRequests();
      for (const { agentId } of asked) w.result({}, agentId);
      perTenth.push(asked.length);
    }
    expect(perTenth.reduce((a, b) => a + b)).toBe(200);
    expect(Math.max(...perTenth)).toBeLessThan(45);
  });

  it('in one request for one agent, of at most 256, and at most so many unanswered', () => {
    const w = world({ checksInFlightPerAgent: 300, checksPerRequest: 256 });
    for (let i = 0; i < 400; i++) w.declare(`s${i}`);
    w.nowMs += 1000;
    w.settle();
    expect(w.takeRequests().map(({ checks }) => checks.length)).toEqual([256, 44]);
    w.advance(100);
    expect(w.takeRequests()).toEqual([]);
    for (const stateId of [...w.state.tenants.get('acme')!.states.keys()]) {
      if (w.target('a1', stateId).askedRound > 0) w.result({}, 'a1', stateId);
    }
    expect(w.takeRequests().flatMap(({ checks }) => checks)).toHaveLength(100);
  });

  it('not while suspended, and soon after that', () => {
    const w = asked();
    w.result();
    w.takeRequests();
    w.command('state.suspend', { state_id: 's1' });
    w.advance(300_000);
    expect(w.takeRequests()).toEqual([]);
    w.command('state.resume', { state_id: 's1' });
    w.advance(1000);
    expect(w.takeRequests()).toHaveLength(1);
  });

  it('carry how the command is run', () => {
    const w = world();
    w.declare('s1', { env: { A: 'b' }, cwd: '/tmp', run_as: 'nobody' });
    w.advance(1000);
    expect(w.takeRequests()[0]?.checks[0]).toEqual({
      state_id: 's1',
      generation: 1,
      round: roundOf(w.target()),
      check_cmd: stateSpec().check_cmd,
      timeout_ms: 30_000,
      env: { A: 'b' },
      cwd: '/tmp',
      run_as: 'nobody',
    });
  });
});

describe('an unanswered check', () => {
  it('is asked again in a later round; the late answer moves nothing', () => {
    const w = asked();
    const [first] = w.takeRequests();
    w.advance(40_000);
    const [second] = w.takeRequests();
    expect(second?.checks[0]?.round).toBe(first!.checks[0]!.round + 1);
    expect(w.result({ round: first!.checks[0]!.round, exit_code: 1 })).toEqual([]);
    expect(w.result({ exit_code: 1 })).toMatchObject([{ type: 'drift.detected' }]);
  });

  it('makes the target unknown after a few, once', () => {
    const w = asked();
    w.result();
    w.advance(1_000_000);
    expect(w.ofType('target.unknown').map(({ data }) => data.reason)).toEqual(['no_answer']);
    expect(w.ofType('remediation.requested')).toHaveLength(0);
  });

  it('leaves a known drift known', () => {
    const w = new World();
    w.enrol('a1');
    w.declare('s1', { mode: 'check_only' });
    w.advance(1000);
    w.result({ exit_code: 3 });
    w.advance(1_000_000);
    expect(w.ofType('target.unknown')).toHaveLength(0);
    expect(w.target().finding).toBe('drifted');
  });
});

describe('a result', () => {
  it('0 is compliant: an event the first time only', () => {
    const w = asked();
    expect(w.result()).toMatchObject([{ type: 'target.compliant', data: { exit_code: 0, generation: 1 } }]);
    expect(w.result()).toEqual([]);
  });

  it('non-zero is drift: an event at the transition only, with what the check printed', () => {
    const w = new World();
    w.enrol('a1');
    w.declare('s1', { mode: 'check_only' });
    w.advance(1000);
    expect(w.result({ exit_code: 3, output_tail: 'no motd' })).toMatchObject([
      {
        type: 'drift.detected',
        data: { exit_code: 3, output_tail: 'no motd', round: expect.any(Number) as number },
      },
    ]);
    expect(w.result({ exit_code: 4 })).toEqual([]);
    expect(w.result({ exit_code: 0 })).toMatchObject([
      { type: 'compliance.restored', data: { attempts_used: 0 } },
    ]);
    expect(w.ofType('remediation.requested')).toHaveLength(0);
  });

  it.each(sayNothing)(
    '%s %s says nothing: unknown at once when nothing was known, never an apply',
    (o, code) => {
      const w = asked();
      const change = { outcome: o, exit_code: code };
      expect(w.result(change)).toMatchObject([
        { type: 'target.unknown', data: { reason: 'check_unknown', outcome: o } },
      ]);
      for (let i = 0; i < 10; i++) expect(w.result(change)).toEqual([]);
      w.advance(100_000);
      expect(w.ofType('remediation.requested')).toHaveLength(0);
    },
  );

  it('that says nothing needs to come thrice in a row to obscure compliance', () => {
    const w = asked();
    w.result();
    const nothing = { outcome: 'timed_out' as const, exit_code: undefined };
    expect(w.result(nothing)).toEqual([]);
    expect(w.result(nothing)).toEqual([]);
    w.result();
    expect(w.result(nothing)).toEqual([]);
    expect(w.result(nothing)).toEqual([]);
    expect(w.result(nothing)).toMatchObject([{ type: 'target.unknown' }]);
    expect(w.result()).toMatchObject([{ type: 'target.compliant' }]);
  });

  it('is ignored when it is of another generation, round, agent, tenant or state', () => {
    const w = asked();
    const round = roundOf(w.target());
    expect(w.result({ generation: 2 })).toEqual([]);
    expect(w.result({ round: round + 1 })).toEqual([]);
    expect(w.result({ round: round - 1 })).toEqual([]);
    expect(w.result({}, 'a2')).toEqual([]);
    expect(w.result({}, 'a1', 's2')).toEqual([]);
    w.update('s1', { attempts: 9 });
    expect(w.result({ generation: 1, round })).toEqual([]);
    expect(w.result({ generation: 2, round })).toEqual([]);
  });

  it('of a round before a takeover is stale when an apply lay between, and current when none did', () => {
    const w = asked();
    const before = roundOf(w.target());
    w.takeover();
    expect(roundOf(w.target())).toBe(before);
    w.result({ exit_code: 1 });
    w.endTask(w.lastRequest(), 'succeeded');
    w.takeover();
    expect(w.result({ round: before, exit_code: 0 })).toEqual([]);
    expect(w.target().stage).toBe('applied');
  });

  it('of an earlier membership of the same agent is stale', () => {
    const w = asked();
    const before = roundOf(w.target());
    w.update('s1', { selector: [{ key: 'x', op: 'exists', values: [] }] });
    w.update('s1', {});
    expect(roundOf(w.target())).toBeGreaterThan(before);
    expect(w.result({ round: before })).toEqual([]);
  });
});

it('wakes for the first check, not before, and sleeps without a limit when there is nothing', () => {
  const empty = new World();
  expect(empty.context.wakeAtMs(empty.state)).toBeNull();
  const w = world();
  w.declare('s1');
  const wakeMs = w.context.wakeAtMs(w.state);
  expect(wakeMs).toBeGreaterThanOrEqual(startMs);
  expect(wakeMs).toBeLessThan(startMs + 1000);
});
