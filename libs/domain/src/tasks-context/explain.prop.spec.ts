import fc from 'fast-check';
import { type Selector, type TaskSpec } from '@fluxforge/events/catalogue';
import { type AgentMessage } from '@fluxforge/domain/agent';
import { makeTasksContext } from './context.js';
import { type Queued } from './explanation.js';
import { heed, setMode, trip } from './heeding.fixture.js';
import { command, connected, fact, heartbeat, limits, policy, World, worldWith } from './scenario.fixture.js';

/** Holds every explanation to its word: each of what it says would help is done, and then it must have helped. */

const zones = ['eu', 'us', 'ap'] as const;
const zone = fc.constantFrom(...zones);
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant<Selector>([]),
  zone.map((value): Selector => [{ key: 'zone', op: 'in', values: [value] }]),
  zone.map((value): Selector => [{ key: 'zone', op: 'not-in', values: [value] }]),
  fc.constant<Selector>([{ key: 'gpu', op: 'exists', values: [] }]),
  fc.constant<Selector>([
    { key: 'zone', op: 'in', values: ['eu'] },
    { key: 'zone', op: 'not-in', values: ['eu'] },
  ]),
);
const agent = fc.record({
  zone,
  slots: fc.constantFrom(1, 2, 1, 2, 700, 1_024),
  how: fc.constantFrom('on', 'on', 'off', 'drained', 'stopping', 'tripped', 'domain tripped'),
  capacity: fc.option(fc.constant({ cpu_millis: 1_000 }), { nil: undefined }),
});
const concurrency = fc.option(
  fc.record({
    key: fc.constantFrom('k1', 'k2'),
    max: fc.integer({ min: 1, max: 2 }),
    strategy: fc.constant('queue' as const),
  }),
  { nil: undefined },
);
const task = fc.record({
  selector,
  priority: fc.integer({ min: 0, max: 9 }),
  pin: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  delayMs: fc.constantFrom(0, 0, 0, 5_000),
  apply: fc.constantFrom(true, true, false),
  requests: fc.constantFrom(
    ...Array<undefined>(8),

    { slots: 2 },
    { cpu_millis: 600 },
    { slots: 5 },
    { cpu_millis: 2_000 },
    { slots: 600 },
    { slots: 400 },
    { slots: 1_024 },
    { cpu_millis: 64_000 },
    { cpu_millis: 600_000, slots: 3 },
    { memory_bytes: 2 ** 49 + 1 },
  ),
  concurrency,
});
const tenant = fc.record({
  running: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  // Of an hour; each task may print 2,048.
  output: fc.constantFrom(undefined, undefined, undefined, 4_096, 8_192),
  maxAgents: fc.constantFrom(100, 4),
});

type Draw<T> = T extends fc.Arbitrary<infer V> ? V : never;

function build(
  agents: readonly Draw<typeof agent>[],
  tasks: readonly Draw<typeof task>[],
  { running, output, maxAgents }: Draw<typeof tenant>,
): World {
  const world = new World(makeTasksContext(policy));
  const most = { ...limits, max_queued_tasks: 100, max_agents: maxAgents };
  const drawn = {
    ...(running !== undefined && { max_running_tasks: running }),
    ...(output !== undefined && { output_bytes_per_hour: output }),
  };
  world.given(fact.tenant('t', { limits: { ...most, ...drawn } }));
  agents.forEach(({ zone: at, slots, how, capacity }, i) => {
    const said = { labels: { zone: at }, slots, ...(capacity && { capacity }) };
    world.given(fact.agent(`a${i}`, said));
    if (how !== 'off') world.say(connected(`a${i}`, said));
    if (how === 'stopping') world.say({ ...heartbeat(`a${i}`, world.nowMs), stopping: true } as AgentMessage);
    if (how === 'tripped') trip(world, 'agent', `a${i}`);
    if (how === 'domain tripped') trip(world, 'domain', at);
    if (how === 'drained') world.input(command('agent.drain', { agent_id: `a${i}`, drain: true }));
  });
  tasks.forEach(({ pin, delayMs, apply: isApply, ...rest }, i) => {
    const pinned = pin !== undefined && pin < agents.length;
    const over: Partial<TaskSpec> = {
      selector: rest.selector,
      priority: rest.priority,
      ...(pinned && { agent_id: `a${pin}` }),
      ...(delayMs > 0 && { not_before_ms: world.nowMs + delayMs }),
      ...(rest.concurrency && { concurrency: rest.concurrency }),
      ...(rest.requests && { requests: rest.requests }),
      delivery_timeout_ms: 0,
    };
    const kind = isApply && pinned ? ('reconciliation' as const) : ('adhoc' as const);
    world.given(fact.queued(`q${i}`, over, { kind }));
  });
  world.settle();
  return world;
}

describe('an explanation', () => {
  it.each([[['tenant']], [['cluster']], [['tenant', 'cluster']]] as const)(
    'names whose mode it is that starts nothing: %j',
    (scopes) => {
      const world = worldWith(['a1']);
      for (const scope of scopes) setMode(world, scope, 'draining');
      world.given(fact.queued('x'));
      world.settle();
      const why = world.context.explainTask(world.state, 't', 'x', world.nowMs);
      expect(why).toMatchObject({ rule: 'mode_draining', remedies: [{ kind: 'set-mode', scopes }] });
      heed(world, (why as Queued).remedies[0]!);
      expect(world.context.explainTask(world.state, 't', 'x', world.nowMs).phase).toBe('leased');
    },
  );

  /** Draws worlds, does what the explanation of one waiting task names, and sees that it helped. */
  function heldToItsWord(numRuns: number, seed?: number): Set<string> {
    const seen = new Set<string>();
    const agents = fc.array(agent, { maxLength: 4 });
    const tasks = fc.array(task, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(agents, tasks, tenant, fc.nat(), (as, ts, limit, which) => {
        const world = build(as, ts, limit);
        const waiting = ts
          .map((_, i) => `q${i}`)
          .filter((id) => {
            const one = world.context.explainTask(world.state, 't', id, world.nowMs);
            return one.phase === 'queued';
          });
        const id = waiting[which % Math.max(1, waiting.length)];
        if (id === undefined) return;
        const before = world.context.explainTask(world.state, 't', id, world.nowMs) as Queued;
        expect(before.rule).not.toBe('turn');
        expect(before.remedies).not.toEqual([]);
        for (const remedy of before.remedies) {
          if (remedy.kind === 'submit-otherwise') continue;
          seen.add(`${before.rule}: ${remedy.kind}`);
          const trial = build(as, ts, limit);
          heed(trial, remedy);
          const after = trial.context.explainTask(trial.state, 't', id, trial.nowMs);
          if (after.phase === 'queued')
            expect([after.rule, remedy, before]).not.toEqual([before.rule, remedy, before]);
        }
      }),
      { numRuns, ...(seed !== undefined && { seed }) },
    );
    return seen;
  }

  it('is held to its word', () => {
    heldToItsWord(750);
  });

  it('is held to its word about each of the rules that a world can show', () => {
    // A seed of its own: what the drawing reaches must not depend on the day.
    const seen = heldToItsWord(2_000, 3);
    for (const one of [
      'lock_held: end-tasks',
      'no_agent_matches: add-agents',
      'no_agent_matches: relabel-agent',
      'agent_lost: connect-agent',
      'agent_draining: undrain-agent',
      'agent_stopping: connect-agent',
      'breaker_open: reset-breakers',
      'agents_full: add-agents',
      'agents_full: raise-slots',
      'requests_too_large: add-agents',
      'not_before: wait-until',
      'agent_lost: add-agents',
      'agent_draining: add-agents',
      'breaker_open: add-agents',
      'breaker_open: wait-until',
      'quota_output_bytes: raise-limit',
    ]) {
      expect(seen).toContain(one);
    }
  });

  it('asks of each agent what placement asks', () => {
    fc.assert(
      fc.property(
        fc.array(agent, { maxLength: 4 }),
        fc.array(task, { minLength: 1, maxLength: 8 }),
        (as, ts) => {
          const world = build(as, ts, { running: undefined, output: undefined, maxAgents: 100 });
          for (const [i] of ts.entries()) {
            const why = world.context.explainTask(world.state, 't', `q${i}`, world.nowMs);
            if (why.phase !== 'queued') continue;
            const sum = Object.values(why.candidates.byReason).reduce((a, b) => a + b, 0);
            expect(sum).toBe(as.length);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
