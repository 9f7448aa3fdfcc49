import fc from 'fast-check';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { atOnce } from '@fluxforge/domain/kernel';
import { makeTasksContext } from './context.js';
import { cloneRealm, copyRealm } from './copy.js';
import {
  command,
  connected,
  fact,
  heartbeat,
  limits,
  ok,
  policy,
  result,
  World,
} from './scenario.fixture.js';
import { simulate, type Simulated } from './simulate.js';
import { WaitingRules } from './waiting-rules.js';

const queue = fc.record({
  kind: fc.constant('queue' as const),
  slots: fc.constantFrom(1, 1, 2, 3),
  priority: fc.integer({ min: 0, max: 9 }),
  pin: fc.option(fc.nat(2), { nil: undefined }),
  key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }),
  outputBytes: fc.constantFrom(0, 0, 0, 0, 1_000, 9_000),
  delayMs: fc.constantFrom(0, 0, 90_000),
});
const step = fc.oneof(
  { weight: 6, arbitrary: queue },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), agings: fc.integer({ min: 4, max: 12 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('drain' as const), agent: fc.nat(2), drain: fc.boolean() }),
  },
);
type Draw<T> = T extends fc.Arbitrary<infer V> ? V : never;

class Tenant {
  readonly world: World;
  private made = 0;

  constructor(private readonly agents: readonly number[]) {
    const roomy = { ...limits, max_queued_tasks: 1_000, max_agents: 10, output_bytes_per_hour: 4_000 };
    const several = { ...policy, keeping: { oneIn: 1, atMost: 32 } };
    this.world = new World(makeTasksContext(several)).given(fact.tenant('t', { limits: roomy }));
    agents.forEach((slots, i) => {
      this.world.given(fact.agent(`a${i}`, { slots }));
      this.world.say(connected(`a${i}`, { slots }));
    });
  }

  private get realm() {
    return this.world.state.realms.get('t')!;
  }

  get keptFor(): (string | null)[] {
    return [...this.realm.agents.values()].map(({ keptFor }) => keptFor);
  }

  take(one: Draw<typeof step>): void {
    const { world } = this;
    if (one.kind === 'queue') this.queue(one);
    else if (one.kind === 'end') this.end(one.which);
    else if (one.kind === 'wait') this.wait(one.agings * policy.agingMs);
    else if (one.agent < this.agents.length)
      world.input(command('agent.drain', { agent_id: `a${one.agent}`, drain: one.drain }));
    world.settle();
  }

  private queue({ slots, priority, pin, key, outputBytes, delayMs }: Draw<typeof queue>): void {
    const over: Partial<TaskSpec> = {
      priority,
      delivery_timeout_ms: 0,
      execution_timeout_ms: 0,
      output_limit_bytes: outputBytes,
      ...(slots > 1 && { requests: { slots } }),
      ...(pin !== undefined && pin < this.agents.length && { agent_id: `a${pin}` }),
      ...(key !== undefined && { concurrency: { key, max: 1, strategy: 'queue' as const } }),
      ...(delayMs > 0 && { not_before_ms: this.world.nowMs + delayMs }),
    };
    this.world.given(fact.queued(`q${this.made++}`, over));
  }

  private end(which: number): void {
    const running = [...this.realm.tasks.values()].filter(({ lease }) => lease);
    const task = running[which % Math.max(1, running.length)];
    if (task?.lease) this.world.say(result(task.id, task.lease.agentId, ok, task.lease.attempt));
  }

  /** In steps in which no agent is lost. */
  private wait(spanMs: number): void {
    for (const untilMs = this.world.nowMs + spanMs; this.world.nowMs < untilMs;) {
      this.world.nowMs += policy.agentTtlMs / 2;
      for (const { id, leases } of this.realm.agents.values()) {
        const refs = [...leases].map((taskId) => {
          const { life, attemptsUsed } = this.realm.tasks.get(taskId)!;
          return { taskId, life, attempt: attemptsUsed };
        });
        this.world.say(heartbeat(id, this.world.nowMs, refs));
      }
    }
  }
}

/** `meanwhile`: after its first step. */
function simulated({ world }: Tenant, meanwhile: () => void = () => undefined): Simulated {
  const { state, context, nowMs } = world;
  const steps = simulate(state, context.policy, 't', { drain: [], undrain: [], tasks: [] }, nowMs);
  steps.next();
  meanwhile();
  return atOnce(steps) as Simulated;
}

const atRest: Simulated = {
  admitted: 0,
  rejected: [],
  placed: [],
  delayed: [],
  changed: [],
  changedMore: 0,
  waitedFor: [],
  waitedForMore: 0,
  ended: [],
  agentsUnknown: [],
  complete: true,
};

describe('a simulation', () => {
  it('of no change, of a tenant at rest, finds it at rest', () => {
    let kept = 0;
    const agents = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(agents, fc.array(step, { minLength: 5, maxLength: 40 }), (slots, steps) => {
        const tenant = new Tenant(slots);
        for (const one of steps) {
          tenant.take(one);
          expect(simulated(tenant)).toEqual(atRest);
          if (tenant.keptFor.some((id) => id !== null)) kept += 1;
        }
      }),
      // A seed of its own: what the drawing reaches must not depend on the day.
      { numRuns: 200, seed: 7 },
    );
    expect(kept).toBeGreaterThan(30);
  });

  it('is of the moment at which it was begun, whatever the tenant goes on to do', () => {
    let moved = 0;
    const agents = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
    const more = fc.array(step, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(agents, fc.array(step, { minLength: 5, maxLength: 30 }), more, (slots, steps, later) => {
        const tenant = new Tenant(slots);
        for (const one of steps) tenant.take(one);
        const { world } = tenant;
        const before = world.context.serialize(cloneRealm(world.state, policy, 't')!);
        const copying = copyRealm(world.state, policy, 't');
        copying.next();
        const found = simulated(tenant, () => {
          for (const one of later) tenant.take(one);
        });
        expect(found).toEqual(atRest);
        expect(world.context.serialize(atOnce(copying)!)).toBe(before);
        if (world.context.serialize(cloneRealm(world.state, policy, 't')!) !== before) moved += 1;
      }),
      { numRuns: 200, seed: 7 },
    );
    expect(moved).toBeGreaterThan(100);
  });

  it('gives the rules that explanations give', () => {
    const seen = new Set<string>();
    const agents = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(agents, fc.array(step, { minLength: 5, maxLength: 40 }), (slots, steps) => {
        const tenant = new Tenant(slots);
        for (const one of steps) tenant.take(one);
        const { world } = tenant;
        const realm = world.state.realms.get('t')!;
        const rules = new WaitingRules(world.state, realm, world.nowMs);
        for (const task of realm.tasks.values()) {
          if (task.lease) continue;
          const rule = rules.of(task);
          seen.add(rule);
          expect(world.context.explainTask(world.state, 't', task.id, world.nowMs)).toMatchObject({ rule });
        }
      }),
      { numRuns: 200, seed: 7 },
    );
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...['agent_draining', 'agent_kept', 'agents_full', 'concurrency_key', 'not_before'],
        ...['quota_output_bytes', 'requests_too_large'],
      ]),
    );
  });
});
