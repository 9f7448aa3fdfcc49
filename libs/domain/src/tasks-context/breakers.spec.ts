import { type EventData } from '@fluxforge/events/catalogue';
import { type RunReport } from '@fluxforge/domain/agent';
import {
  command,
  connected,
  fact,
  failed,
  ok,
  policy,
  result,
  spec,
  types,
  World,
} from './scenario.fixture.js';
import { makeTasksContext } from './context.js';
import { quarantinesOf } from './queries.js';
import { type Queued } from './explanation.js';

const refused: RunReport = { outcome: 'refused' };
// Shorter than it takes an agent to be lost for want of answers.
const cooldownMs = 3_000;
const breakers = {
  ...policy.breakers,
  agent: { ...policy.breakers.agent, cooldownMs },
  domain: { ...policy.breakers.domain, cooldownMs },
};

/** Agents with many slots, all in zone `b` unless told otherwise. */
function fleet(ids: readonly string[], zones: Readonly<Record<string, string>> = {}): World {
  const limits = { max_queued_tasks: 1_000, max_agents: 10, max_states: 1 };
  const world = new World(makeTasksContext({ ...policy, breakers })).given(fact.tenant('t', { limits }));
  for (const id of ids) {
    const said = { labels: { zone: zones[id] ?? 'b' }, slots: 8 };
    world.given(fact.agent(id, said));
    world.say(connected(id, said));
  }
  return world;
}

let made = 0;

/** Runs a task on this agent and lets it come out so; answers what was decided on the way. */
function run(world: World, agentId: string, out: RunReport, over: Parameters<typeof spec>[0] = {}) {
  const id = `r${++made}`;
  const task = spec({ agent_id: agentId, max_attempts: 1, delivery_timeout_ms: 0, ...over });
  const events = world.input(command('task.submit', { task_id: id, spec: task }));
  if (!events.some(({ type }) => type === 'task.leased')) return events;
  world.nowMs += 1;
  return [...events, ...world.say(result(id, agentId, out))];
}

function quarantined(): World {
  const world = fleet(['a1']);
  for (let i = 0; i < 4; i++) expect(types(run(world, 'a1', refused))).not.toContain('breaker.opened');
  expect(run(world, 'a1', refused).at(-1)).toMatchObject({ type: 'breaker.opened', data: { failures: 5 } });
  return world;
}

describe('the breaker of an agent', () => {
  it('is told nothing by refusals of what came too late to begin', () => {
    const world = fleet(['a1']);
    for (let i = 0; i < 10; i++) run(world, 'a1', refused, { not_after_ms: world.nowMs + 1 });
    expect(types(run(world, 'a1', ok))).toContain('task.leased');
    expect(quarantinesOf(world.state, 't')).toMatchObject({ breakers: [] });
  });

  it('opens by five failures among six runs, and then nothing is leased there', () => {
    const world = quarantined();
    expect(types(run(world, 'a1', ok))).toEqual(['task.queued']);
    const id = `r${made}`;
    expect(quarantinesOf(world.state, 't')).toMatchObject({
      breakers: [{ scope: 'agent', name: 'a1', phase: 'open' }],
      brake: null,
    });
    const why = world.context.explainTask(world.state, 't', id, world.nowMs) as Queued;
    expect(why).toMatchObject({
      rule: 'breaker_open',
      candidates: { byReason: { breaker_open: 1 } },
      remedies: [
        { kind: 'reset-breakers', breakers: [{ scope: 'agent', name: 'a1' }] },
        { kind: 'wait-until' },
      ],
    });
  });

  it('half-opens by the clock and gives one lease at a time, on trial, until that one came out well', () => {
    const world = quarantined();
    for (const id of ['p', 'q', 's']) world.given(fact.queued(id, { agent_id: 'a1' }));
    expect(world.after(cooldownMs - 1)).toEqual([]);
    const events = world.after(1);
    expect(types(events)).toEqual(['breaker.half-opened', 'task.leased']);
    expect((events[1]!.data as EventData<'task.leased'>).decision).toMatchObject({
      probe: true,
      domain: 'b',
    });
    const after = world.say(result('p', 'a1', ok));
    expect(types(after)).toEqual(['task.ended', 'breaker.closed', 'task.leased', 'task.leased']);
    expect(after.slice(2).map(({ data }) => (data as EventData<'task.leased'>).decision.probe)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('opens for twice as long when the probe fails; a cancelled one only makes room for the next', () => {
    const world = quarantined();
    for (const id of ['p', 'q', 's']) world.given(fact.queued(id, { agent_id: 'a1', max_attempts: 1 }));
    world.after(cooldownMs);
    world.input(command('task.cancel', { task_id: 'p' }));
    expect(types(world.say(result('p', 'a1', { outcome: 'cancelled' })))).toEqual([
      'task.ended',
      'task.leased',
    ]);
    expect(world.say(result('q', 'a1', failed))).toMatchObject([
      { type: 'task.ended' },
      { type: 'breaker.opened', data: { reason: 'probe_failed', until_ms: world.nowMs + 2 * cooldownMs } },
    ]);
  });

  it('is closed by an operator, whatever it waits for', () => {
    const world = quarantined();
    world.given(fact.queued('p', { agent_id: 'a1' }));
    expect(world.input(command('agent.reset-breaker', { agent_id: 'a1' }))).toMatchObject([
      { type: 'breaker.closed', data: { reason: 'operator' } },
      { type: 'task.leased' },
    ]);
    expect(types(world.input(command('agent.reset-breaker', { agent_id: 'a1' })))).toEqual([
      'command.accepted',
    ]);
    expect(world.input(command('agent.reset-breaker', { agent_id: 'none' }))).toMatchObject([
      { type: 'command.rejected', data: { code: 'not_found' } },
    ]);
  });

  it.each(['log', 'snapshot'] as const)('is the same for a new owner, by %s', (by) => {
    const world = quarantined();
    world.given(fact.queued('p', { agent_id: 'a1' }));
    if (by === 'log') world.takeOver();
    else world.state = world.context.deserialize(world.context.serialize(world.state))!;
    expect(types(world.say(connected('a1', { labels: { zone: 'b' }, slots: 8 })))).not.toContain(
      'task.leased',
    );
    expect(types(world.after(cooldownMs))).toContain('task.leased');
  });

  it('goes with its agent', () => {
    const world = quarantined();
    world.input(command('agent.remove', { agent_id: 'a1' }));
    expect(world.state.breakerTimers.size).toBe(0);
    expect(world.after(cooldownMs)).toEqual([]);
  });
});

describe('the breaker of a failure domain', () => {
  /** Two agents of zone `b` fail in turn, too seldom in a row for their own breakers to open first. */
  function dark(): World {
    const world = fleet(['a1', 'a2', 'a3', 'c1'], { c1: 'c' });
    const turns = ['a1', 'a2', 'a3'];
    let events: ReturnType<typeof run> = [];
    for (let i = 0; i < 10; i++) events = run(world, turns[i % 3]!, refused);
    expect(events.at(-1)).toMatchObject({
      type: 'breaker.opened',
      data: { scope: 'domain', name: 'b', failures: 10 },
    });
    return world;
  }

  it('keeps leases away from all of its agents and from no other', () => {
    const world = dark();
    for (const id of ['a1', 'a2', 'a3']) expect(types(run(world, id, ok))).toEqual(['task.queued']);
    expect(types(run(world, 'c1', ok))).toContain('task.ended');
    expect(run(world, 'c1', ok, { agent_id: undefined })[1]).toMatchObject({ data: { agent_id: 'c1' } });
  });

  it('lets one probe through for all of them', () => {
    const world = dark();
    for (const id of ['a1', 'a2', 'a3']) world.given(fact.queued(`on-${id}`, { agent_id: id }));
    expect(types(world.after(cooldownMs))).toEqual(['breaker.half-opened', 'task.leased']);
    expect(types(world.say(result('on-a1', 'a1', ok)))).toEqual([
      'task.ended',
      'breaker.closed',
      'task.leased',
      'task.leased',
    ]);
  });

  it('is closed by an operator', () => {
    const world = dark();
    expect(world.input(command('domain.reset-breaker', { domain: 'b' }))).toMatchObject([
      { type: 'breaker.closed', data: { scope: 'domain', name: 'b', reason: 'operator' } },
    ]);
    expect(types(run(world, 'a1', ok))).toContain('task.ended');
    expect(types(world.input(command('domain.reset-breaker', { domain: 'none' })))).toEqual([
      'command.accepted',
    ]);
  });
});
