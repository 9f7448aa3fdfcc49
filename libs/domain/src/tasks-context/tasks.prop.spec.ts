import fc from 'fast-check';
import { type Decided, type Fact } from '@fluxforge/events/catalogue';
import { freeSlots, suits } from '@fluxforge/domain/agent';
import { type Own } from './decide.js';
import { histories, History, type Step } from './history.fixture.js';
import { type TasksState } from './state.js';

const runs = { numRuns: 1_000 };

/** Asked thousands of times per history, where the matchers of the test runner would take most of the time. */
function must(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** What the log alone says of leases and agents; written apart from the folds it judges. */
class Judge {
  private readonly live = new Map<string, { attempt: number; agent: string }>();
  private readonly attempts = new Map<string, number>();
  private readonly barred = new Map<string, Set<string>>();
  private readonly open = new Set<string>();
  readonly seen = new Map<string, number>();

  constructor(before: readonly Decided<Own>[]) {
    for (const event of before) this.see(event);
  }

  see(event: Decided<Own>): void {
    this.seen.set(event.type, (this.seen.get(event.type) ?? 0) + 1);
    if (event.type.startsWith('agent.')) return this.seeAgent(event);
    if (event.type.startsWith('task.')) this.seeTask(event);
  }

  get openTasks(): number {
    return this.open.size;
  }

  private bar(event: Decided<Own>, why: string, on: boolean): void {
    const key = `${event.tenantId}/${event.subject}`;
    const reasons = this.barred.get(key) ?? new Set(['never found']);
    if (on) reasons.add(why);
    else reasons.delete(why);
    this.barred.set(key, reasons);
  }

  private seeAgent(event: Decided<Own>): void {
    if (event.type === 'agent.enrolled')
      this.barred.set(`${event.tenantId}/${event.subject}`, new Set(['new']));
    if (event.type === 'agent.found') for (const why of ['new', 'lost']) this.bar(event, why, false);
    if (event.type === 'agent.lost') this.bar(event, 'lost', true);
    if (event.type === 'agent.drain-set') this.bar(event, 'drained', event.data.drain);
    if (event.type === 'agent.removed') this.bar(event, 'removed', true);
  }

  private seeTask(event: Decided<Own>): void {
    const data = event.data as { task_id: string; life: number; attempt?: number; agent_id?: string };
    const key = `${event.tenantId}/${data.task_id}/${data.life}`;
    const live = this.live.get(key);
    switch (event.type) {
      case 'task.queued':
        must(!this.open.has(key), 'queued while it lives');
        // A life is opened once.
        must(!this.attempts.has(key), 'a life opened twice');
        this.attempts.set(key, 0);
        this.open.add(key);
        return;
      case 'task.leased':
        must(!live, 'two live leases');
        must(this.open.has(key), 'leased while it does not live');
        must(event.data.attempt === this.attempts.get(key)! + 1, 'attempts out of order');
        must(
          this.barred.get(`${event.tenantId}/${event.data.agent_id}`)?.size === 0,
          'leased to one that may not',
        );
        this.attempts.set(key, event.data.attempt);
        this.live.set(key, { attempt: event.data.attempt, agent: event.data.agent_id });
        return;
      case 'task.started':
      case 'task.attempt-ended':
        must(live?.attempt === data.attempt && live?.agent === data.agent_id, 'not the live lease');
        if (event.type === 'task.attempt-ended') this.live.delete(key);
        return;
      case 'task.ended':
        must(this.open.delete(key), 'ended twice');
        must(live?.attempt === data.attempt, 'ended by another attempt');
        this.live.delete(key);
        return;
      case 'task.cancel-requested':
        must(live, 'a cancel requested of nothing');
        return;
      default:
        return;
    }
  }
}

/** Every task is in exactly one place, and the indexes say what the tasks and agents say. */
function expectWhole(state: TasksState, nowMs: number): void {
  let waiting = 0;
  let leased = 0;
  let queuedInAll = 0;
  for (const realm of state.realms.values()) {
    let queued = 0;
    for (const task of realm.tasks.values()) {
      const places = [
        state.waiting.has(task),
        state.doomed.has(task),
        realm.queue.has(task),
        task.lease !== null,
      ];
      must(places.filter(Boolean).length === 1, 'not in one place');
      must(state.leaseTimers.has(task) === (task.lease !== null), 'lease timer');
      must(state.deadlines.has(task) === (task.lease === null), 'deadline');
      if (state.waiting.has(task)) {
        must(task.readyAtMs > nowMs, 'waits although it is ready');
        waiting += 1;
      }
      if (task.lease) {
        leased += 1;
        const holder = realm.agents.get(task.lease.agentId);
        if (holder) must(holder.leases.has(task.id), 'its agent does not know');
      } else queued += 1;
      // Whatever is ready fits nowhere: nothing is forgotten in a blocked group.
      if (realm.queue.has(task)) {
        const { executor, selector, agent_id } = task.spec;
        for (const agent of realm.agents.values()) {
          const isApplied = [...agent.leases].some((id) => realm.tasks.get(id)?.exclusive);
          const locked = task.exclusive && isApplied;
          const fits = freeSlots(agent) > 0 && !locked && suits(agent, executor, selector);
          must(!fits || (agent_id !== undefined && agent_id !== agent.id), 'ready, and it would fit');
        }
      }
    }
    must(realm.queuedTasks === queued, 'queued are miscounted');
    must(state.busy.has(realm) === queued > 0, 'busy or not');
    queuedInAll += queued;
    for (const agent of realm.agents.values()) {
      for (const id of agent.leases)
        must(realm.tasks.get(id)?.lease?.agentId === agent.id, 'no lease of its');
      must(agent.leases.size <= agent.slots, 'more leases than slots');
      for (const id of agent.pinned) must(realm.tasks.get(id)?.spec.agent_id === agent.id, 'not pinned here');
    }
  }
  must(state.queuedTasks === queuedInAll, 'queued in all are miscounted');
  must(state.waiting.size === waiting, 'waiting are miscounted');
  must(state.leaseTimers.size === leased, 'leased are miscounted');
}

function play(steps: readonly Step[], takeOverBy: 'log' | 'snapshot' = 'log'): History {
  const history = new History(takeOverBy);
  for (const step of steps) history.run(step);
  return history;
}

describe('over random histories of a partition', () => {
  const sometimes = new Map<string, number>();

  it('leases, attempts and ends are in order, each task is in one place, and each pass falls quiet', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const history = new History();
        const { world } = history;
        const judge = new Judge(world.log);
        for (const step of steps) {
          for (const event of history.run(step)) judge.see(event);
          expectWhole(world.state, world.nowMs);
          must(world.context.plan(world.state, world.nowMs, 100).length === 0, 'not quiet');
          const wakeAtMs = world.context.wakeAtMs(world.state);
          must(wakeAtMs === null || wakeAtMs > world.nowMs, 'to be woken for nothing');
        }
        for (const [type, count] of judge.seen) sometimes.set(type, (sometimes.get(type) ?? 0) + count);
      }),
      runs,
    );
    // Histories in which these never happen would prove little.
    for (const type of [
      'agent.lost',
      'task.attempt-ended',
      'task.cancel-requested',
      'task.rejected',
      'task.report-ignored',
      'task.ended',
      'command.rejected',
      'command.accepted',
    ]) {
      expect([type, (sometimes.get(type) ?? 0) > 20]).toEqual([type, true]);
    }
  });

  it('everything ends when time goes on, even if every agent has died', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const history = new History();
        const judge = new Judge(history.world.log);
        for (const step of steps) for (const event of history.run(step)) judge.see(event);
        for (let i = 0; i < 40; i++) for (const event of history.world.after(5_000)) judge.see(event);
        expect(judge.openTasks).toBe(0);
        expect([...history.world.state.realms.values()].flatMap((realm) => [...realm.tasks.keys()])).toEqual(
          [],
        );
      }),
      runs,
    );
  });

  it('the same history gives the same log, whether owners come from the log or from a snapshot', () => {
    const lines = (log: readonly Fact<Own>[]) => log.map((one) => JSON.stringify(one));
    fc.assert(
      fc.property(histories, (steps) => {
        const first = lines(play(steps).world.log);
        expect(lines(play(steps).world.log)).toEqual(first);
        expect(lines(play(steps, 'snapshot').world.log)).toEqual(first);
      }),
      { numRuns: 150 },
    );
  });

  it('a snapshot in the middle and the facts after it are the fold of all facts', () => {
    fc.assert(
      fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), (steps, part) => {
        const { world } = play(steps);
        const { context, log } = world;
        const cut = Math.floor(log.length * part);
        const whole = context.initial(0);
        log.slice(0, cut).forEach((one) => context.evolve(whole, one));
        const text = context.serialize(whole);
        const restored = context.deserialize(text)!;
        expect(context.serialize(restored)).toBe(text);
        for (const one of log.slice(cut)) {
          context.evolve(whole, one);
          context.evolve(restored, one);
        }
        expect(context.serialize(restored)).toBe(context.serialize(whole));
        // Nothing momentary leaks into it: the owner's own state says the same.
        expect(context.serialize(world.state)).toBe(context.serialize(whole));
      }),
      { numRuns: 150 },
    );
  });

  it('what a tenant gets does not hang on what another does, but for its turn', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const { world } = play(steps);
        for (const one of world.log) {
          if (one.type !== 'task.leased') continue;
          const enrolled = world.log.some(
            (other) =>
              other.type === 'agent.enrolled' &&
              other.tenantId === one.tenantId &&
              other.data.agent_id === one.data.agent_id,
          );
          expect(enrolled).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a snapshot of another shape', () => {
  it('is not read', () => {
    const { context, state } = new History().world;
    const text = context.serialize(state).replace(/"shape":\d+/, '"shape":999');
    expect(context.deserialize(text)).toBeNull();
  });
});
