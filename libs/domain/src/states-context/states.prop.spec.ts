import * as fc from 'fast-check';
import { type StateSpec, type TaskEnd, taskEnds } from '@fluxforge/events/catalogue';
import {
  findTarget,
  occupies,
  roundOf,
  type DesiredState,
  type Target,
} from '@fluxforge/domain/desired-state';
import {
  buckets,
  defaultReconcilingPolicy,
  planOf,
  verdictOf,
  type Verdict,
} from '@fluxforge/domain/reconciling';
import { allowance, matchesSelector } from '@fluxforge/domain/kernel';
import { isCheckable } from '../reconciling/check-schedule.js';
import { World, acme, type Event } from './world.fixture.js';

/** Histories per property. A few dozen find each known mutant; thousands were run while this was written. */
const runs = 60;
const stateIds = ['s1', 's2', 's3'];
const agentIds = ['a1', 'a2', 'a3', 'a4'];
const exitCodes = [0, 1, 1, 2, 126, 127];

const someSpec: fc.Arbitrary<Partial<StateSpec>> = fc.record({
  selector: fc.constantFrom([], [{ key: 'role', op: 'in' as const, values: ['web'] }]),
  mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'check_only' as const),
  attempts: fc.integer({ min: 1, max: 3 }),
  max_concurrency: fc.constantFrom({ count: 1 }, { count: 2 }, { percent: 50 }, { percent: 100 }),
  max_failures: fc.constantFrom({ count: 0 }, { count: 1 }, { percent: 50 }, { percent: 100 }),
  interval_ms: fc.constantFrom(1000, 10_000, 60_000),
});

const stateId = fc.constantFrom(...stateIds);
const agentId = fc.constantFrom(...agentIds);

/** What can happen to the context, as data, so that a history can be run again. */
const action = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('declare' as const), stateId, spec: someSpec }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('update' as const), stateId, spec: someSpec }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('delete', 'suspend', 'resume', 'resume'), stateId }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('enrol', 'lose', 'find', 'find', 'drain', 'undrain'),
      agentId,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), agentId }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('relabel' as const),
      agentId,
      role: fc.constantFrom('web', 'db'),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('result' as const),
      stateId,
      agentId,
      code: fc.constantFrom(...exitCodes),
      timedOut: fc.boolean(),
      stale: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(20),
      end: fc.constantFrom<TaskEnd>('succeeded', 'succeeded', ...taskEnds.values),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 500, 5000, 100_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constant(2_000_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('takeover' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
const histories = fc.array(action, { minLength: 10, maxLength: 120 });

/** A world and what an onlooker knows of it from outside: results sent, requests seen in the log. */
class Watched {
  readonly world = new World();
  private readonly verdicts = new Map<string, Verdict>();
  private readonly seenIds = new Set<string>();
  private watchedTo = 0;

  constructor() {
    agentIds.forEach((id, i) => this.world.enrol(id, { role: i % 2 ? 'web' : 'db' }));
    this.world.declare('s1');
    this.world.advance(1000);
  }

  run(step: Action): void {
    const { world } = this;
    switch (step.do) {
      case 'declare':
        world.declare(step.stateId, step.spec);
        break;
      case 'update':
        world.update(step.stateId, step.spec);
        break;
      case 'delete':
      case 'suspend':
      case 'resume':
        world.command(`state.${step.do}`, { state_id: step.stateId });
        break;
      case 'enrol':
        if (!world.state.tenants.get(acme)?.agents.has(step.agentId))
          world.enrol(step.agentId, { role: 'web' });
        break;
      case 'lose':
        world.lose(step.agentId);
        break;
      case 'find':
        world.find(step.agentId);
        break;
      case 'drain':
      case 'undrain':
        world.foreign('agent.drain-set', { agent_id: step.agentId, drain: step.do === 'drain' });
        break;
      case 'remove':
        world.foreign('agent.removed', { agent_id: step.agentId });
        break;
      case 'relabel':
        world.relabel(step.agentId, { role: step.role });
        break;
      case 'result':
        this.result(step);
        break;
      case 'end':
        this.end(step.which, step.end);
        break;
      case 'advance':
        world.advance(step.ms);
        break;
      case 'takeover':
        world.takeover();
    }
    this.watch();
  }

  private result(step: Extract<Action, { do: 'result' }>): void {
    const target = findTarget(this.world.state, acme, step.stateId, step.agentId);
    const round = target ? Math.max(1, roundOf(target) - (step.stale > 3 ? step.stale : 0)) : 1;
    const timedOut = step.timedOut && step.code > 0;
    const change = timedOut
      ? { outcome: 'timed_out' as const, exit_code: undefined, round }
      : { exit_code: step.code, round };
    const verdict = verdictOf({ state_id: '', generation: 1, outcome: 'exited', duration_ms: 1, ...change });
    const counts = target && isCheckable(target) && round === roundOf(target) && verdict !== 'unknown';
    if (counts) this.verdicts.set(`${step.stateId}/${step.agentId}`, verdict);
    const events = this.world.result(change, step.agentId, step.stateId);
    if (!counts && verdict !== 'unknown') expect(events).toEqual([]);
    if (verdict === 'unknown') expect(events.every(({ type }) => type === 'target.unknown')).toBe(true);
  }

  private end(which: number, end: TaskEnd): void {
    const requests = this.world.ofType('remediation.requested');
    const request = requests[requests.length - 1 - (which % Math.max(requests.length, 1))];
    if (request) this.world.endTask(request.data, end);
  }

  /** Judges the facts since the last look, by the log alone. */
  private watch(): void {
    const facts = this.world.facts;
    for (; this.watchedTo < facts.length; this.watchedTo++) {
      const fact = facts[this.watchedTo]!;
      if (fact.type === 'remediation.requested') this.judgeRequest(fact, facts.slice(0, this.watchedTo));
      // An apply that may have run, a new generation and a new membership void what was found before.
      if (fact.type === 'remediation.requested')
        this.verdicts.delete(`${fact.data.state_id}/${fact.data.agent_id}`);
      if (
        fact.type === 'remediation.failed' &&
        (fact.data.end === 'rejected' || fact.data.end === 'succeeded')
      )
        this.verdicts.set(`${fact.data.state_id}/${fact.data.agent_id}`, 'drifted');
    }
  }

  private judgeRequest(fact: Event<'remediation.requested'>, before: World['facts']): void {
    const { state_id, agent_id, generation, task_id } = fact.data;
    const about = before.filter(
      ({ data }) => 'agent_id' in data && data.agent_id === agent_id && data.state_id === state_id,
    );
    expect(this.verdicts.get(`${state_id}/${agent_id}`)).toBe('drifted');
    expect(
      about.some(
        ({ type, data }) =>
          type === 'drift.detected' && 'generation' in data && data.generation === generation,
      ),
    ).toBe(true);
    expect(about.at(-1)?.type).not.toBe('target.unknown');
    expect(this.seenIds.has(task_id)).toBe(false);
    this.seenIds.add(task_id);
    expect(task_id.length).toBeLessThanOrEqual(128);
  }
}

function allStates(world: World): DesiredState[] {
  const tenant = world.state.tenants.get(acme);
  return tenant ? [...tenant.states.values()] : [];
}

function allTargets(world: World): Target[] {
  const tenant = world.state.tenants.get(acme);
  const states = tenant ? [...tenant.states.values(), ...tenant.deleted.values()] : [];
  return states.flatMap((desired) => [...desired.targets.values()]);
}

function expectBudgets(desired: DesiredState): void {
  const targets = [...desired.targets.values()];
  expect(desired.occupied).toBe(targets.filter(occupies).length);
  expect(desired.givenUp).toBe(targets.filter(({ stage }) => stage === 'given-up').length);
}

function expectScheduled(world: World, target: Target): void {
  const { work } = world.state;
  const slot = target.state.tenant.byAgent.get(target.agentId)!;
  const places = [work.due.has(target), target.askedRound > 0, slot.backlog.has(target)].filter(Boolean);
  expect(places).toHaveLength(isCheckable(target) ? 1 : 0);
  expect(work.answers.has(target)).toBe(target.askedRound > 0);
}

describe('whatever happens', () => {
  it('applies only what was found drifted since the last apply, and never uses an id twice', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const watched = new Watched();
        for (const step of steps) watched.run(step);
      }),
      { numRuns: runs },
    );
  });

  it('every target is in one bucket, has one place in the schedule, and the counters are right', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const watched = new Watched();
        const { world } = watched;
        for (const step of steps) {
          watched.run(step);
          for (const desired of allStates(world)) {
            const plan = planOf(desired, world.nowMs, defaultReconcilingPolicy);
            const placed = buckets.flatMap((bucket) => plan[bucket].map(({ agentId: id }) => id));
            expect(placed.sort()).toEqual([...desired.targets.keys()].sort());
            // At rest nothing is left to be done.
            expect([plan.remediate, plan.retry, plan.withdraw].flat()).toEqual([]);
            expectBudgets(desired);
            expectMembership(desired);
          }
          for (const target of allTargets(world)) expectScheduled(world, target);
          expect(world.context.plan(world.state, world.nowMs, 500)).toEqual([]);
        }
      }),
      { numRuns: runs },
    );
  });

  it('never has more applies in flight than max_concurrency, by the log alone', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const watched = new Watched();
        for (const step of steps) watched.run(step);
        expectConcurrency(watched.world);
      }),
      { numRuns: runs },
    );
  });

  it('a new owner, a snapshot and the living state are the same, and go on the same', () => {
    fc.assert(
      fc.property(histories, fc.nat(119), (steps, cut) => {
        const watched = new Watched();
        const { world } = watched;
        const { context } = world;
        let restored = context.initial(0);
        let from = 0;
        steps.forEach((step, i) => {
          watched.run(step);
          if (i !== cut % steps.length) return;
          const snapshot = context.serialize(world.rebuilt());
          restored = context.deserialize(snapshot)!;
          expect(context.serialize(restored)).toBe(snapshot);
          from = world.log.length;
        });
        const tail = world.log.slice(from);
        for (const entry of tail) if ('own' in entry) context.evolve(restored, entry.own);
        for (const entry of tail) if ('foreign' in entry) context.evolveForeign(restored, entry.foreign);
        const living = context.serialize(world.state);
        expect(context.serialize(world.rebuilt())).toBe(living);
        expect(context.serialize(restored)).toBe(living);
      }),
      { numRuns: runs },
    );
  });

  it('the same history gives the same events', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const [a, b] = [new Watched(), new Watched()];
        for (const step of steps) a.run(step);
        for (const step of steps) b.run(step);
        expect(JSON.stringify(a.world.log)).toBe(JSON.stringify(b.world.log));
      }),
      { numRuns: runs },
    );
  });

  it('comes to compliance once everything works again', () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const watched = new Watched();
        for (const step of steps) watched.run(step);
        heal(watched.world);
        for (const desired of allStates(watched.world)) {
          for (const target of desired.targets.values()) {
            expect([target.finding, target.stage, target.obscured]).toEqual(['compliant', 'idle', false]);
          }
        }
      }),
      { numRuns: runs },
    );
  });
});

function expectMembership(desired: DesiredState): void {
  const agents = [...desired.tenant.agents.values()];
  const wanted = agents.filter(({ labels }) => matchesSelector(desired.spec.selector, labels));
  expect([...desired.targets.keys()].sort()).toEqual(wanted.map(({ id }) => id).sort());
}

/** Requests less what ended them; the most that the state's spec allowed when the last one was made. */
function expectConcurrency(world: World): void {
  const specs = new Map<string, StateSpec>();
  const generations = new Map<string, number>();
  const members = new Map<string, Set<string>>();
  const open = new Map<string, Map<string, 'requested' | 'applied'>>();
  for (const { type, data } of world.facts) {
    if (!('state_id' in data)) continue;
    if (type === 'state.declared') members.set(data.state_id, new Set());
    if (type === 'state.declared') open.set(data.state_id, new Map());
    const running = open.get(data.state_id)!;
    const joined = members.get(data.state_id)!;
    switch (type) {
      case 'state.declared':
      case 'state.updated':
        specs.set(data.state_id, data.spec);
        if (generations.get(data.state_id) !== data.generation) {
          for (const [id, phase] of running) if (phase === 'applied') running.delete(id);
        }
        generations.set(data.state_id, data.generation);
        break;
      case 'targets.changed':
        for (const id of data.added) joined.add(id);
        for (const { agent_id: id } of data.removed) joined.delete(id);
        for (const { agent_id: id } of data.removed) running.delete(id);
        break;
      case 'remediation.requested': {
        running.set(data.agent_id, 'requested');
        const most = Math.max(1, allowance(specs.get(data.state_id)!.max_concurrency, joined.size));
        expect(running.size).toBeLessThanOrEqual(most);
        break;
      }
      case 'remediation.applied':
        if (running.has(data.agent_id)) running.set(data.agent_id, 'applied');
        if (data.generation !== generations.get(data.state_id)) running.delete(data.agent_id);
        break;
      case 'target.unknown':
        // Nobody can tell for now how that apply came out; its place goes to another.
        if (running.get(data.agent_id) === 'applied') running.delete(data.agent_id);
        break;
      case 'remediation.withdrawn':
      case 'remediation.failed':
      case 'compliance.restored':
        running.delete(data.agent_id);
        break;
      default:
    }
  }
}

/** Everybody is there, machines obey, and checks tell the truth. */
function heal(world: World): void {
  for (const id of agentIds) {
    world.find(id);
    world.foreign('agent.drain-set', { agent_id: id, drain: false });
  }
  for (const id of stateIds) world.command('state.resume', { state_id: id });
  for (const { id } of allStates(world))
    world.update(id, { mode: 'enforce', attempts: 3, interval_ms: 9_000 });
  const done = new Set<string>();
  const mended = new Set<string>();
  for (let turn = 0; turn < 400; turn++) {
    for (const { data } of world.ofType('remediation.requested')) {
      if (done.has(data.task_id)) continue;
      done.add(data.task_id);
      mended.add(`${data.state_id}/${data.agent_id}`);
      world.endTask(data, 'succeeded');
    }
    for (const { agentId: id, checks } of world.takeRequests()) {
      for (const { state_id, generation, round } of checks) {
        const exitCode = mended.has(`${state_id}/${id}`) ? 0 : 1;
        world.message(id, {
          state_id,
          generation,
          round,
          outcome: 'exited',
          exit_code: exitCode,
          duration_ms: 1,
        });
      }
    }
    world.advance(1000);
  }
}
