import fc from 'fast-check';
import { type Concurrency, type TaskSpec } from '@fluxforge/events/catalogue';
import { type RunReport } from '@fluxforge/domain/agent';
import { type Task } from '@fluxforge/domain/task';
import { makeTasksContext } from './context.js';
import {
  command,
  connected,
  fact,
  foreign,
  heartbeat,
  ok,
  policy,
  result,
  spec,
  types,
  World,
} from './scenario.fixture.js';

/** Whatever waits, waits for what runs: as long as runs end, everything does, in whatever order they end. */

type Wish = Pick<TaskSpec, 'concurrency' | 'agent_id' | 'requests' | 'priority'>;

type Ask =
  | { readonly kind: 'task' | 'fanout' | 'schedule'; readonly wish: Wish }
  | { readonly kind: 'apply'; readonly agentId: string };

const agents = ['a0', 'a1'] as const;
const agentId = fc.constantFrom(...agents);

const concurrency: fc.Arbitrary<Concurrency> = fc.record({
  key: fc.constantFrom('k0', 'k1', 'k2'),
  max: fc.integer({ min: 1, max: 2 }),
  strategy: fc.constantFrom('queue', 'queue', 'round-robin', 'cancel-running', 'drop-new'),
});

const wish: fc.Arbitrary<Wish> = fc.record(
  {
    priority: fc.integer({ min: 0, max: 9 }),
    concurrency,
    agent_id: agentId,
    // Of two slots each: what asks for both has an agent kept for it.
    requests: fc.constant({ slots: 2 }),
  },
  { requiredKeys: ['priority'] },
);

const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('task' as const), wish }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('apply' as const), agentId }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('fanout', 'schedule'), wish }) },
);

/** What may end next, and how long that takes: enough to be due for a kept agent, and for schedules. */
const turn = fc.record({ pick: fc.nat(), steps: fc.constantFrom(0, 0, 1, 20) });

const stepMs = 4_000;
/** Longer than all steps together: a run that came to its limit would wait for the clock. */
const dayMs = 86_400_000;

class Fleet {
  readonly world = new World(makeTasksContext({ ...policy, keeping: { oneIn: 1, atMost: 32 } }));
  readonly seen = new Set<string>();

  constructor(asks: readonly Ask[]) {
    const limits = { max_queued_tasks: 100, max_agents: 9, max_states: 9, max_running_tasks: 3 };
    this.world.given(fact.tenant('t', { limits }));
    for (const id of agents) {
      this.world.given(fact.agent(id));
      this.world.say(connected(id));
    }
    asks.forEach((one, i) => this.ask(one, i));
  }

  get tasks(): Task[] {
    return [...this.world.state.realms.get('t')!.tasks.values()];
  }

  get leased(): Task[] {
    return this.tasks.filter(({ lease }) => lease !== null);
  }

  private ask(one: Ask, i: number): void {
    const { world } = this;
    if (one.kind === 'apply') {
      const origin = {
        state_id: `s${i}`,
        agent_id: one.agentId,
        generation: 1,
        attempt: 1,
        task_id: `r${i}`,
      };
      const limits = { priority: 2, execution_timeout_ms: dayMs, not_after_ms: world.nowMs * 2 };
      const data = { ...origin, command: 'true', ...limits };
      world.input(foreign({ type: 'remediation.requested', data }));
      return;
    }
    const limits = { delivery_timeout_ms: 0, execution_timeout_ms: dayMs, output_limit_bytes: 0 };
    const task = spec({ ...limits, ...one.wish });
    const budget = { count: 1 };
    if (one.kind === 'task') world.input(command('task.submit', { task_id: `x${i}`, spec: task }));
    else if (one.kind === 'fanout') {
      const said = { task, selector: [], max_concurrency: budget, max_failures: budget };
      world.input(command('fanout.start', { fanout_id: `f${i}`, spec: said }));
    } else {
      const times = { cron: '* * * * *', time_zone: 'UTC', jitter_ms: 0, missed_after_ms: 3_600_000 };
      const overlap = (['allow', 'forbid', 'replace'] as const)[i % 3]!;
      const said = { schedule_id: `c${i}`, name: 'c', spec: { ...times, overlap, task } };
      world.input(command('schedule.create', said));
    }
  }

  pass(steps: number): void {
    const { world } = this;
    for (let i = 0; i < steps; i++) {
      world.nowMs += stepMs;
      for (const id of agents) {
        const running = this.leased.filter(({ lease }) => lease!.agentId === id);
        const refs = running.map(({ id: taskId, attemptsUsed }) => ({
          taskId,
          life: 1,
          attempt: attemptsUsed,
        }));
        world.say(heartbeat(id, world.nowMs, refs));
      }
    }
    this.look();
  }

  end(pick: number): void {
    const { leased } = this;
    const { id, lease, cancel, attemptsUsed } = leased[pick % leased.length]!;
    const run: RunReport = cancel ? { outcome: 'cancelled' } : ok;
    this.world.say(result(id, lease!.agentId, run, attemptsUsed));
    this.look();
  }

  /** Nothing new any more; what has been made goes on. */
  quiet(): void {
    const { schedules } = this.world.state.realms.get('t')!.scheduling;
    for (const schedule_id of schedules.keys())
      this.world.input(command('schedule.suspend', { schedule_id, suspended: true }));
  }

  /** The cases that this is about do occur. */
  private look(): void {
    for (const task of this.tasks) {
      if (task.lease) continue;
      const why = this.world.context.explainTask(this.world.state, 't', task.id, this.world.nowMs);
      if (why && 'rule' in why) this.seen.add(String(why.rule));
    }
    for (const type of types(this.world.log.slice(-5))) this.seen.add(type);
  }
}

describe('tasks with keys, locks and kept agents', () => {
  it('wait for each other in no ring: everything ends in any order of ends', () => {
    const seen = new Set<string>();
    const asks = fc.array(ask, { minLength: 2, maxLength: 14 });
    const turns = fc.array(turn, { minLength: 40, maxLength: 40 });
    fc.assert(
      fc.property(asks, turns, (asked, order) => {
        const fleet = new Fleet(asked);
        order.forEach(({ pick, steps }, i) => {
          if (fleet.leased.length > 0) fleet.end(pick);
          fleet.pass(steps);
          if (i === 20) fleet.quiet();
          // Agents are there, and nothing is held back by a clock: what is queued is not left alone.
          if (fleet.tasks.length > 0 && fleet.leased.length === 0)
            throw new Error('they wait for nothing that runs');
        });
        const left = fleet.tasks.length + 2 * asked.length;
        for (let i = 0; i <= left && fleet.tasks.length > 0; i++) fleet.end(i);
        expect(fleet.tasks.map(({ id }) => id)).toEqual([]);
        expect(fleet.world.state.realms.get('t')!.fanouts.live.size).toBe(0);
        for (const one of fleet.seen) seen.add(one);
      }),
      { numRuns: 150 },
    );
    for (const met of [
      'concurrency_key',
      'lock_held',
      'agent_kept',
      'quota_running_tasks',
      'task.cancel-requested',
    ])
      expect([met, seen.has(met)]).toEqual([met, true]);
  });
});
