import { type AttemptOutcome } from '@fluxforge/events/catalogue';
import {
  breakerRoom,
  breakerStep,
  closeBreaker,
  halfOpenBreaker,
  newBreaker,
  openBreaker,
  recordEnd,
  startProbe,
  verdictOf,
  BreakerBook,
  countedFailures,
  type Breaker,
  type BreakerPolicy,
  type RunOver,
} from './index.js';

const policy: BreakerPolicy = {
  failures: 3,
  of: 4,
  minDistinct: 2,
  minAgents: 1,
  cooldownMs: 100,
  maxCooldownMs: 350,
};
let clockMs = 0;

/** Each run begins after the one before has ended. */
function end(breaker: Breaker, outcome: AttemptOutcome, work = 1, exitCode = 1, lease = 'x'): void {
  const said = verdictOf('agent', outcome, exitCode);
  const leasedAtMs = ++clockMs;
  const run = said && { ...said, work, agentId: 'a1', endedAtMs: ++clockMs };
  recordEnd(breaker, policy, { lease, leasedAtMs, end: run });
}

/** Takes the step that is due and folds it; answers its type and reason. */
function step(breaker: Breaker, nowMs: number): string | null {
  const event = breakerStep(breaker, policy, nowMs);
  if (!event) return null;
  if (event.type === 'breaker.opened') openBreaker(breaker, event.data);
  if (event.type === 'breaker.half-opened') halfOpenBreaker(breaker);
  if (event.type === 'breaker.closed') closeBreaker(breaker);
  return `${event.type} ${(event.data as { reason: string }).reason}`;
}

function opened(): Breaker {
  const breaker = newBreaker('agent', 'acme', 'a1', 1);
  for (let i = 0; i < 3; i++) end(breaker, 'refused');
  expect(step(breaker, 0)).toBe('breaker.opened failures_in_a_row');
  return breaker;
}

describe('a closed breaker', () => {
  it('opens when enough of the last runs failed by the machine', () => {
    const breaker = opened();
    expect(breaker).toMatchObject({ phase: 'open', untilMs: 100, openings: 1, ends: [] });
    expect(breakerRoom(breaker)).toBe('none');
  });

  it('does not open because of one bad command, however often it fails', () => {
    const breaker = newBreaker('agent', 'acme', 'a1', 1);
    for (let i = 0; i < 20; i++) end(breaker, 'exited', 7);
    expect(step(breaker, 0)).toBeNull();
    expect(breaker.ends).toHaveLength(policy.of);
  });

  it('is not opened by one refusal beside one bad command', () => {
    const breaker = newBreaker('agent', 'acme', 'a1', 1);
    for (let i = 0; i < 3; i++) end(breaker, 'exited', 7);
    end(breaker, 'refused', 7);
    expect(step(breaker, 0)).toBeNull();
  });

  it('opens when different commands fail', () => {
    const breaker = newBreaker('agent', 'acme', 'a1', 1);
    end(breaker, 'exited', 1);
    end(breaker, 'signalled', 2);
    end(breaker, 'timed_out', 1);
    expect(step(breaker, 0)).toBe('breaker.opened failures_in_a_row');
  });

  it('forgets failures that successes have pushed out, and learns nothing from cancelled runs', () => {
    const breaker = newBreaker('agent', 'acme', 'a1', 1);
    for (let i = 0; i < 2; i++) end(breaker, 'refused');
    for (let i = 0; i < 3; i++) end(breaker, 'exited', 1, 0);
    for (let i = 0; i < 9; i++) end(breaker, 'cancelled');
    end(breaker, 'refused');
    expect(step(breaker, 0)).toBeNull();
  });
});

describe('an open breaker', () => {
  it('half-opens when it has cooled down and lets one probe through', () => {
    const breaker = opened();
    expect(step(breaker, 99)).toBeNull();
    expect(step(breaker, 100)).toBe('breaker.half-opened cooled_down');
    expect(breakerRoom(breaker)).toBe('probe');
    startProbe(breaker, 'p');
    expect(breakerRoom(breaker)).toBe('none');
  });

  it('closes by the success of the probe, and counts from the start again', () => {
    const breaker = opened();
    step(breaker, 100);
    startProbe(breaker, 'p');
    end(breaker, 'exited', 1, 0, 'p');
    expect(breakerRoom(breaker)).toBe('none');
    expect(step(breaker, 101)).toBe('breaker.closed probe_succeeded');
    expect(breaker).toEqual({ ...newBreaker('agent', 'acme', 'a1', 1), untilMs: 100 });
  });

  it('opens for twice as long by each failed probe, up to the cap', () => {
    const breaker = opened();
    const spans: number[] = [];
    for (let i = 0; i < 3; i++) {
      const nowMs = breaker.untilMs;
      step(breaker, nowMs);
      startProbe(breaker, `p${i}`);
      end(breaker, 'exited', 1, 1, `p${i}`);
      expect(step(breaker, nowMs)).toBe('breaker.opened probe_failed');
      spans.push(breaker.untilMs - nowMs);
    }
    expect(spans).toEqual([200, 350, 350]);
  });

  it('gives the place of a cancelled probe to another', () => {
    const breaker = opened();
    step(breaker, 100);
    startProbe(breaker, 'p');
    end(breaker, 'cancelled', 1, 1, 'p');
    expect(step(breaker, 101)).toBeNull();
    expect(breakerRoom(breaker)).toBe('probe');
  });

  it('heeds no lease but the probe', () => {
    const breaker = opened();
    end(breaker, 'exited', 1, 0, 'old');
    step(breaker, 100);
    startProbe(breaker, 'p');
    end(breaker, 'exited', 1, 0, 'old');
    expect(step(breaker, 101)).toBeNull();
    expect(breaker.probe).toBe('p');
  });
});

describe('what counts as a failure of the machine', () => {
  const failing = { failed: true, ofMachine: true, work: 1, agentId: 'a1', endedAtMs: 100 };

  it('is one for all the runs that a machine had when it went down', () => {
    const breaker = newBreaker('agent', 'acme', 'a1', 1);
    for (let i = 0; i < 9; i++) recordEnd(breaker, policy, { lease: 'x', leasedAtMs: 99 - i, end: failing });
    expect(breaker.ends).toHaveLength(1);
    recordEnd(breaker, policy, { lease: 'x', leasedAtMs: 101, end: { ...failing, endedAtMs: 102 } });
    expect(breaker.ends).toHaveLength(2);
  });

  it('is nothing to a domain while only one of its agents fails, nor when agents start anew', () => {
    const ofDomain = { ...policy, minAgents: 2 };
    const ends = [1, 2, 3].map((i) => ({ ...failing, endedAtMs: i }));
    expect(countedFailures(ends, ofDomain)).toBe(0);
    expect(countedFailures([...ends.slice(1), { ...failing, agentId: 'a2' }], ofDomain)).toBe(3);
    expect(verdictOf('domain', 'interrupted', undefined)).toBeNull();
  });
});

describe('the breakers of a tenant', () => {
  let order = 0;
  const bookOf = (maxDomains = 2) =>
    new BreakerBook('acme', {
      agent: policy,
      domain: { ...policy, minAgents: 2 },
      domainLabel: 'zone',
      maxDomains,
    });
  const run = (attempt: number, over: Partial<RunOver> = {}): RunOver => ({
    taskId: 'x',
    life: 1,
    attempt,
    agentId: 'a1',
    domain: 'b',
    leasedAtMs: attempt * 10,
    endedAtMs: attempt * 10 + 1,
    executor: 'shell',
    command: 'true',
    outcome: 'refused',
    exitCode: undefined,
    wasCancelled: false,
    ...over,
  });
  const record = (book: BreakerBook, one: RunOver) => book.record(one, true, () => ++order);
  const open = (book: BreakerBook, scope: 'agent' | 'domain', name: string) => {
    const data = { scope, name, reason: 'failures_in_a_row' as const, until_ms: 50, failures: 3 };
    book.change(
      book.of(scope, name, () => ++order)!,
      (one) => openBreaker(one, data),
    );
  };

  it('come to be with a failure, and not with what went well or was cancelled', () => {
    const book = bookOf();
    record(book, run(1, { outcome: 'exited', exitCode: 0 }));
    record(book, run(2, { wasCancelled: true }));
    expect(book.all()).toEqual([]);
    record(book, run(3));
    expect(book.all().map(({ scope, name }) => `${scope} ${name}`)).toEqual(['agent a1', 'domain b']);
  });

  it('let through what both of an agent let through', () => {
    const book = bookOf();
    open(book, 'domain', 'b');
    expect(book.room('a1', { zone: 'b' })).toBe('none');
    expect(book.room('a1', {})).toBe('all');
    expect(book.room('a1', { zone: 'c' })).toBe('all');
    book.change(book.find('domain', 'b')!, halfOpenBreaker);
    expect(book.room('a1', { zone: 'b' })).toBe('probe');
    open(book, 'agent', 'a1');
    expect(book.room('a1', { zone: 'b' })).toBe('none');
    book.dropAgent('a1');
    expect(book.startProbes(run(4))).toEqual([book.find('domain', 'b')]);
    expect(book.room('a2', { zone: 'b' })).toBe('none');
    record(book, run(4, { outcome: 'exited', exitCode: 0 }));
    book.change(book.find('domain', 'b')!, closeBreaker);
    expect(book.room('a2', { zone: 'b' })).toBe('all');
  });

  it('are bounded: a closed domain makes room for another, an open one does not', () => {
    const book = bookOf(1);
    record(book, run(1));
    record(book, run(2, { domain: 'c' }));
    expect(book.find('domain', 'b')).toBeUndefined();
    open(book, 'domain', 'c');
    record(book, run(3, { domain: 'd' }));
    expect(book.all().map(({ name }) => name)).toEqual(['a1', 'c']);
  });
});
