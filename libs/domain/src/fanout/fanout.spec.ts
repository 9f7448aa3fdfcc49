import { type EventData, type FanoutSpec, type Limits, type TaskSpec } from '@fluxforge/events/catalogue';
import {
  command,
  connected,
  fact,
  failed,
  given,
  ok,
  policy,
  result,
  spec as taskSpec,
  types,
  World,
  worldWith,
} from '../tasks-context/scenario.fixture.js';
import { makeTasksContext } from '../tasks-context/context.js';

const all = { percent: 100 };

const specOf = (over: Partial<FanoutSpec> = {}, task: Partial<TaskSpec> = {}): FanoutSpec => ({
  task: taskSpec({ max_attempts: 1, ...task }),
  selector: [],
  max_concurrency: all,
  max_failures: all,
  ...over,
});

const start = (over: Partial<FanoutSpec> = {}, id = 'f', task: Partial<TaskSpec> = {}) =>
  command('fanout.start', { fanout_id: id, spec: specOf(over, task) });
const cancel = command('fanout.cancel', { fanout_id: 'f' });
const retry = (members: ('failed' | 'not_started' | 'unknown' | 'succeeded')[], id = 'g', of = 'f') =>
  command('fanout.retry', { fanout_id: id, of_fanout_id: of, members });

const limits = { max_queued_tasks: 100, max_agents: 100, max_states: 1 };

/** Agents a1, a2, ... that are connected and have two slots each. */
function world(agents: number, over: Partial<Limits> = {}): World {
  const made = new World().given(fact.tenant('t', { limits: { ...limits, ...over } }));
  for (let i = 1; i <= agents; i++) {
    made.given(fact.agent(`a${i}`));
    made.say(connected(`a${i}`));
  }
  return made;
}

const started = (one: World) =>
  one.log.flatMap((event) => (event.type === 'task.queued' ? [event.data.spec.agent_id] : []));
const endOf = (one: World, id = 'f') =>
  one.log.find((event) => event.type === 'fanout.ended' && event.data.fanout_id === id)?.data as
    EventData<'fanout.ended'> | undefined;

describe('fanout.start', () => {
  it('freezes the agents that match now, lost ones too and removed ones not, in the order of enrolment', () => {
    const label = (zone: string) => ({ labels: { zone } });
    given(
      fact.tenant('t', { limits }),
      fact.tenant('u', { limits }),
      fact.agent('z', label('1')),
      fact.agent('b', label('2')),
      fact.agent('c', label('1')),
      fact.agent('a', label('1')),
      fact.agent('y', label('1'), 'u'),
      fact.found('z'),
      fact.lost('z'),
      { type: 'agent.removed', tenantId: 't', subject: 'c', data: { agent_id: 'c' } },
    )
      .when(start({ selector: [{ key: 'zone', op: 'in', values: ['1'] }] }))
      .then({ type: 'fanout.started', data: { fanout_id: 'f', members: ['z', 'a'] } });
  });

  it('is rejected when nobody matches, and stays so', () => {
    const none = new World().given(fact.tenant('t', { limits }));
    expect(none.input(start())).toMatchObject([
      { type: 'fanout.rejected', data: { reason: 'no_agent_matches' } },
    ]);
    none.given(fact.agent('a1'));
    expect(types(none.input(start()))).toEqual(['command.accepted']);
    expect(none.input(retry(['failed']))).toMatchObject([{ data: { code: 'invalid' } }]);
  });

  it('is refused for no tenant, and beyond the number of a tenant; twice is once', () => {
    expect(new World().input(start())).toMatchObject([{ data: { code: 'not_found' } }]);
    const one = world(1);
    for (let i = 0; i < policy.fanouts.maxFanouts; i++) one.input(start({}, `f${i}`));
    expect(one.input(start())).toMatchObject([
      { type: 'command.rejected', data: { code: 'quota_exceeded' } },
    ]);
    expect(types(one.input(start({}, 'f0')))).toEqual(['command.accepted']);
  });

  it('is rejected as too large by members and by bytes, each exactly at its bound', () => {
    const facts = [fact.tenant('t', { limits }), fact.agent('a1'), fact.agent('a2')];
    const reasons = (fanouts: Partial<typeof policy.fanouts>) => {
      const context = makeTasksContext({ ...policy, fanouts: { ...policy.fanouts, ...fanouts } });
      return new World(context).given(...facts).input(start())[0];
    };
    expect(reasons({ maxMembers: 2 })).toMatchObject({ type: 'fanout.started' });
    expect(reasons({ maxMembers: 1 })).toMatchObject({ data: { reason: 'input_too_large' } });
    const bytes = JSON.stringify(specOf()).length + 2 * 5;
    expect(reasons({ maxBytes: bytes })).toMatchObject({ type: 'fanout.started' });
    expect(reasons({ maxBytes: bytes - 1 })).toMatchObject({ data: { reason: 'input_too_large' } });
  });
});

describe('members', () => {
  it('get a task each, and the fan-out ends with their counts', () => {
    const one = world(3);
    one.input(start());
    expect(started(one)).toEqual(['a1', 'a2', 'a3']);
    expect(one.log.find((event) => event.type === 'task.queued')?.data).toMatchObject({
      task_id: 'f.0',
      kind: 'fanout',
      batch: { fanout_id: 'f' },
      spec: { agent_id: 'a1' },
    });
    one.say(result('f.0', 'a1', ok));
    one.say(result('f.1', 'a2', failed));
    expect(endOf(one)).toBeUndefined();
    one.say(result('f.2', 'a3', ok));
    expect(endOf(one)).toEqual({
      fanout_id: 'f',
      reason: 'fanout_complete',
      succeeded: 2,
      failed: 1,
      not_started: 0,
      unknown: 0,
      members: [{ agent_id: 'a2', end: 'failed' }],
    });
    expect(one.context.wakeAtMs(one.state)).not.toBeNull();
  });

  it('are no more at a time than may be, and at least one', () => {
    for (const max_concurrency of [{ count: 0 }, { percent: 1 }, { count: 1 }]) {
      const one = world(3);
      one.input(start({ max_concurrency }));
      expect(started(one)).toEqual(['a1']);
      one.say(result('f.0', 'a1', ok));
      expect(started(one)).toEqual(['a1', 'a2']);
    }
    const two = world(3);
    two.input(start({ max_concurrency: { percent: 50 } }));
    expect(started(two)).toEqual(['a1', 'a2']);
  });

  it('never change: who joins, or is relabelled, changes nothing', () => {
    const one = world(2);
    one.input(start({ max_concurrency: { count: 1 } }));
    one.given(fact.agent('a9'));
    one.say(connected('a2', { labels: { other: 'x' } }));
    one.say(result('f.0', 'a1', ok));
    one.say(result('f.1', 'a2', ok));
    expect(started(one)).toEqual(['a1', 'a2']);
    expect(endOf(one)).toMatchObject({ succeeded: 2, members: [] });
  });

  it('that were removed before their turn, or before they were leased, were not started', () => {
    const one = world(2);
    one.given(fact.agent('a3'), fact.agent('a4'));
    one.input(start({ max_concurrency: { count: 1 } }));
    one.input(command('agent.remove', { agent_id: 'a2' }));
    one.say(result('f.0', 'a1', ok));
    expect(started(one)).toEqual(['a1', 'a3']);
    one.input(command('agent.remove', { agent_id: 'a3' }));
    one.input(command('agent.remove', { agent_id: 'a4' }));
    expect(endOf(one)).toMatchObject({ succeeded: 1, not_started: 3, failed: 0, reason: 'fanout_complete' });
  });

  it('whose run was lost are unknown', () => {
    const one = world(1);
    one.input(start());
    one.after(policy.leaseMs + policy.leaseMarginMs + 1);
    expect(endOf(one)).toMatchObject({ unknown: 1, members: [{ agent_id: 'a1', end: 'unknown' }] });
  });

  it('wait while the queue is full or nothing is let in, and are no failures', () => {
    const full = world(1, { max_queued_tasks: 1 });
    for (const id of ['b', 'c']) full.given(fact.agent(id));
    full.input(start());
    // The first is leased at once; of those that wait for their agents, one fits.
    expect(started(full)).toEqual(['a1', 'b']);
    full.takeOver();
    full.settle();
    expect(started(full)).toEqual(['a1', 'b']);
    full.say(connected('b'));
    expect(started(full)).toEqual(['a1', 'b', 'c']);
    for (const mode of ['read-only', 'draining', 'degraded'] as const) {
      const held = world(1);
      held.input(command('tenant.set-mode', { mode }));
      held.input(start());
      expect(started(held)).toEqual([]);
      held.input(command('tenant.set-mode', { mode: 'normal' }));
      expect(started(held)).toEqual(['a1']);
    }
  });

  it('wait while too many bytes wait, but not for room that no queue has', () => {
    const bytes = Buffer.byteLength(JSON.stringify(taskSpec({ max_attempts: 1, agent_id: 'b' })));
    const full = world(0, { max_queued_bytes: bytes });
    for (const id of ['b', 'c']) full.given(fact.agent(id));
    full.input(start());
    expect(started(full)).toEqual(['b']);
    full.say(connected('b'));
    expect(started(full)).toEqual(['b', 'c']);
    const narrow = world(0, { max_queued_bytes: bytes - 1 });
    for (const id of ['b', 'c']) narrow.given(fact.agent(id));
    narrow.input(start());
    expect(started(narrow)).toEqual([]);
    expect(endOf(narrow)).toMatchObject({ failed: 2, succeeded: 0 });
  });

  it('whose task is not let in for good have failed', () => {
    const one = world(2);
    one.input(start({}, 'f', { concurrency: { key: 'k', max: 1, strategy: 'drop-new' } }));
    one.say(result('f.0', 'a1', ok));
    expect(endOf(one)).toMatchObject({
      succeeded: 1,
      failed: 1,
      members: [{ agent_id: 'a2', end: 'failed' }],
    });
  });
});

describe('max_failures', () => {
  it('one more than that, and nothing more is started; what runs finishes', () => {
    const one = world(5);
    one.input(start({ max_concurrency: { count: 2 }, max_failures: { count: 1 } }));
    one.say(result('f.0', 'a1', failed));
    expect(started(one)).toEqual(['a1', 'a2', 'a3']);
    one.say(result('f.1', 'a2', failed));
    expect(started(one)).toEqual(['a1', 'a2', 'a3']);
    expect(endOf(one)).toBeUndefined();
    one.say(result('f.2', 'a3', ok));
    const counts = { succeeded: 1, failed: 2, not_started: 2, unknown: 0 };
    expect(endOf(one)).toMatchObject({ reason: 'fanout_max_failures', ...counts });
  });
});

describe('fanout.cancel', () => {
  it('cancels what lives, and then ends', () => {
    const one = world(2);
    one.given(fact.agent('a3'));
    one.input(start({ max_concurrency: { count: 3 } }));
    expect(types(one.input(cancel)).slice(0, 4)).toEqual([
      'fanout.cancelled',
      'task.cancel-requested',
      'task.cancel-requested',
      'task.ended',
    ]);
    expect(types(one.input(cancel))).toEqual(['command.accepted']);
    one.takeOver();
    expect(one.settle()).toEqual([]);
    one.say(result('f.0', 'a1', { outcome: 'cancelled' }));
    one.say(result('f.1', 'a2', ok));
    expect(endOf(one)).toMatchObject({ reason: 'fanout_cancelled', failed: 1, not_started: 1, succeeded: 1 });
    expect(one.input(cancel)).toMatchObject([{ data: { code: 'conflict' } }]);
  });

  it('of what is not there is not found', () => {
    expect(world(1).input(cancel)).toMatchObject([{ data: { code: 'not_found' } }]);
  });
});

describe('fanout.retry', () => {
  /** a1 succeeded, a2 failed, a3 unknown, a4 not started. */
  function ended(): World {
    const one = world(3);
    one.given(fact.agent('a4'));
    one.input(start({ max_concurrency: { count: 3 }, max_failures: { count: 0 } }));
    expect(one.input(retry(['failed']))).toMatchObject([{ data: { code: 'conflict' } }]);
    one.say(result('f.1', 'a2', failed));
    one.say({
      kind: 'result',
      tenantId: 't',
      agentId: 'a3',
      taskId: 'f.2',
      life: 1,
      attempt: 1,
      run: { outcome: 'interrupted' },
    });
    one.say(result('f.0', 'a1', ok));
    expect(endOf(one)).toMatchObject({ succeeded: 1, failed: 1, unknown: 1, not_started: 1 });
    return one;
  }

  it('is a new fan-out to exactly those, in their order', () => {
    const members = (wanted: Parameters<typeof retry>[0]) => ended().input(retry(wanted))[0];
    expect(members(['failed'])).toMatchObject({ data: { members: ['a2'], retry_of: 'f' } });
    expect(members(['unknown'])).toMatchObject({ data: { members: ['a3'] } });
    expect(members(['not_started', 'failed'])).toMatchObject({ data: { members: ['a2', 'a4'] } });
    expect(members(['succeeded'])).toMatchObject({ data: { code: 'invalid' } });
  });

  it('needs one that came out so, and is remembered', () => {
    const one = ended();
    one.takeOver();
    one.say(connected('a2'));
    expect(one.input(retry(['failed'], 'g', 'none'))).toMatchObject([{ data: { code: 'not_found' } }]);
    one.input(retry(['failed']));
    one.say(result('g.0', 'a2', ok));
    expect(endOf(one, 'g')).toMatchObject({ succeeded: 1, members: [] });
    expect(one.input(retry(['failed'], 'h', 'g'))).toMatchObject([{ data: { code: 'invalid' } }]);
    one.nowMs += policy.fanouts.keptMs + 1;
    // Forgotten by facts alone: by the end of another one.
    one.input(start({ selector: [{ key: 'none', op: 'exists', values: [] }] }, 'other'));
    expect(one.input(retry(['failed'], 'i'))).toMatchObject([{ data: { code: 'not_found' } }]);
  });
});

describe('a snapshot', () => {
  it('at any time goes on as the state itself', () => {
    const one = worldWith(['a1', 'a2']);
    one.input(start({ max_concurrency: { count: 1 }, max_failures: { count: 0 } }));
    one.input(start({}, 'x'.repeat(128)));
    one.input(cancel);
    const text = one.context.serialize(one.state);
    const restored = one.context.deserialize(text)!;
    expect(one.context.serialize(restored)).toBe(text);
    one.state = restored;
    one.context.resume(one.state, one.nowMs);
    one.say(connected('a1', { inventory: [] }));
    one.after(600_000);
    expect(endOf(one)).toMatchObject({ reason: 'fanout_cancelled' });
    expect(endOf(one, 'x'.repeat(128))).toBeDefined();
  });
});
