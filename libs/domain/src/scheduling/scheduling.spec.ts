import { type EventData } from '@fluxforge/events/catalogue';
import {
  command,
  connected,
  fact,
  heartbeat,
  ok,
  policy,
  result,
  t0,
  types,
  worldWith,
} from '../tasks-context/scenario.fixture.js';

type Events = ReturnType<ReturnType<typeof worldWith>['settle']>;

/** `task@agent` of each lease. */
function leases(events: Events): string[] {
  return events.flatMap((event) => {
    if (event.type !== 'task.leased') return [];
    return `${event.data.task_id}@${event.data.agent_id}`;
  });
}

const zone = (...values: string[]) => [{ key: 'zone', op: 'in' as const, values }];

describe('placement', () => {
  it('takes the emptiest agent, then the one that enrolled first, and stops when all are full', () => {
    const world = worldWith(['a2', 'a1']);
    world.given(...['1', '2', '3', '4', '5'].map((id) => fact.queued(id)));
    expect(leases(world.settle())).toEqual(['1@a2', '2@a1', '3@a2', '4@a1']);
    expect(leases(world.say(result('3', 'a2', ok)))).toEqual(['5@a2']);
  });

  it('goes by label, executor and id', () => {
    const world = worldWith([]);
    world.given(
      fact.agent('x', { labels: { zone: 'x' } }),
      fact.agent('y', { labels: { zone: 'y' }, executors: ['noop'] }),
    );
    world.say(connected('x', { labels: { zone: 'x' } }));
    world.say(connected('y', { labels: { zone: 'y' }, executors: ['noop'] }));
    world.given(
      fact.queued('1', { selector: zone('y'), executor: 'noop' }),
      fact.queued('2', { selector: zone('y', 'z') }),
      fact.queued('3', { agent_id: 'y', executor: 'noop' }),
      fact.queued('4', { agent_id: 'y' }),
      fact.queued('5', { agent_id: 'x', selector: zone('y') }),
      fact.queued('6', {}),
    );
    expect(leases(world.settle())).toEqual(['1@y', '3@y', '6@x']);
  });

  it('finds rare labels among many agents', () => {
    const world = worldWith([]);
    for (let i = 0; i < 40; i++) {
      const labels = { zone: i === 33 || i === 34 ? 'rare' : 'common' };
      world.given(fact.agent(`a${i}`, { labels }));
      world.say(connected(`a${i}`, { labels }));
    }
    world.given(...['1', '2', '3', '4', '5'].map((id) => fact.queued(id, { selector: zone('rare') })));
    expect(leases(world.settle())).toEqual(['1@a33', '2@a34', '3@a33', '4@a34']);
  });

  it('gives nothing to agents that are lost, draining, stopping, removed or not connected', () => {
    const world = worldWith(['lost', 'drain', 'stop', 'away', 'gone']);
    world.given(fact.lost('lost'));
    world.input(command('agent.drain', { agent_id: 'drain', drain: true }));
    world.say({ ...heartbeat('stop', t0), stopping: true } as never);
    world.say({ kind: 'disconnected', tenantId: 't', agentId: 'away', sessionId: 'away-s1' });
    world.input(command('agent.remove', { agent_id: 'gone' }));
    world.given(fact.queued('1'));
    expect(world.settle()).toEqual([]);
    expect(leases(world.say(connected('away', { sessionId: 'away-s2' })))).toEqual(['1@away']);
  });

  it('hears nothing from a stream that was replaced', () => {
    const world = worldWith(['a1']);
    world.say(connected('a1', { sessionId: 'a1-s2' }));
    world.say({ kind: 'disconnected', tenantId: 't', agentId: 'a1', sessionId: 'a1-s1' });
    world.given(fact.queued('1'));
    expect(leases(world.settle())).toEqual(['1@a1']);
  });

  it('opens to what was waiting when an agent comes, is undrained or relabelled', () => {
    const world = worldWith(['a1']);
    world.given(fact.queued('1', { selector: zone('x') }), fact.queued('2', { agent_id: 'a1' }));
    world.input(command('agent.drain', { agent_id: 'a1', drain: true }));
    expect(leases(world.settle())).toEqual([]);
    expect(leases(world.input(command('agent.drain', { agent_id: 'a1', drain: false })))).toEqual(['2@a1']);
    const relabelled = connected('a1', { sessionId: 'a1-s2', labels: { zone: 'x' } });
    expect(leases(world.say(relabelled))).toEqual(['1@a1']);
  });
});

describe('order', () => {
  it('is by priority, then first come', () => {
    const world = worldWith(['a1'], { slots: 1 });
    world.say(connected('a1', { sessionId: 's', slots: 1 }));
    world.given(
      fact.queued('a', { priority: 5 }),
      fact.queued('b', { priority: 5 }),
      fact.queued('c', { priority: 0 }),
    );
    const order: string[] = [];
    for (let events = world.settle(); leases(events).length > 0;) {
      const [lease] = leases(events);
      order.push(lease!.slice(0, 1));
      events = world.say(result(lease!.slice(0, 1), 'a1', ok));
    }
    expect(order).toEqual(['c', 'a', 'b']);
  });

  it('lets the waiting rise by one priority per step of aging', () => {
    const world = worldWith(['a1'], { slots: 1 });
    world.say(connected('a1', { sessionId: 's', slots: 1 }));
    world.input(command('agent.drain', { agent_id: 'a1', drain: true }));
    world.given(fact.queued('old', { priority: 6 }));
    world.nowMs += 3 * policy.agingMs - 1;
    world.given(fact.queued('young', { priority: 4 }), fact.queued('urgent', { priority: 2 }));
    world.say(connected('a1', { sessionId: 's', slots: 1 }));
    const [, leased] = world.input(command('agent.drain', { agent_id: 'a1', drain: false }));
    // 6 - 2.99 = 3.01: ahead of a fresh 4, behind a fresh 2.
    expect(leased).toMatchObject({ data: { task_id: 'urgent' } });
    expect(leases(world.say(result('urgent', 'a1', ok)))).toEqual(['old@a1']);
  });

  it('tells with the lease how it came about', () => {
    const world = worldWith([]);
    world.given(fact.queued('1', { priority: 5 }), fact.agent('a1'));
    world.nowMs += 60_000;
    const [, leased] = world.say(connected('a1'));
    const { decision } = leased!.data as EventData<'task.leased'>;
    expect(decision).toEqual({ waited_ms: 60_000, effective_priority: 3, candidates: 1, charged_ms: 10 });
  });

  it('is not held up by tasks that fit nowhere', () => {
    const world = worldWith(['a1']);
    for (let i = 0; i < 500; i++) {
      world.given(fact.queued(`stuck-${i}`, { priority: 0, selector: zone(`z${i}`) }));
    }
    world.given(fact.queued('fits', { priority: 9 }));
    expect(leases(world.settle())).toEqual(['fits@a1']);
    expect(leases(world.say(connected('a1', { sessionId: 's', labels: { zone: 'z77' } })))).toEqual([
      'stuck-77@a1',
    ]);
  });

  it('goes round the tenants', () => {
    const world = worldWith(['a1'], { slots: 6 });
    world.given(fact.tenant('u'), fact.agent('b1', { slots: 6 }, 'u'));
    world.say(connected('a1', { sessionId: 's', slots: 6 }));
    world.say(connected('b1', { tenantId: 'u', slots: 6 }));
    for (let i = 0; i < 4; i++) world.given(fact.queued(`t${i}`));
    for (let i = 0; i < 4; i++) world.given(fact.queued(`u${i}`, {}, {}, 'u'));
    expect(
      leases(world.settle())
        .map((lease) => lease.slice(0, 1))
        .join(''),
    ).toBe('tutututu');
  });
});

describe('waits', () => {
  it('starts nothing before its time', () => {
    const world = worldWith(['a1']).given(fact.queued('1', { not_before_ms: t0 + 5_000 }));
    expect(world.settle()).toEqual([]);
    expect(world.context.wakeAtMs(world.state)).toBeLessThanOrEqual(t0 + 5_000);
    expect(world.at(t0 + 4_999)).toEqual([]);
    expect(leases(world.at(t0 + 5_000))).toEqual(['1@a1']);
  });

  it('ends what cannot start in time', () => {
    const world = worldWith([]).given(
      fact.queued('1', { not_after_ms: t0 + 5_000 }),
      fact.queued('2', { delivery_timeout_ms: 7_000 }),
      fact.queued('3', { delivery_timeout_ms: 0 }),
    );
    expect(world.at(t0 + 4_999)).toEqual([]);
    expect(world.at(t0 + 5_000)).toMatchObject([{ data: { task_id: '1', end: 'expired' } }]);
    expect(world.at(t0 + 7_000)).toMatchObject([{ data: { task_id: '2', end: 'delivery_timed_out' } }]);
    expect(world.after(1e9)).toEqual([]);
  });

  it('counts the wait for delivery from the time before which it could not start', () => {
    const world = worldWith([]);
    world.given(fact.queued('1', { not_before_ms: t0 + 60_000, delivery_timeout_ms: 5_000 }));
    expect(world.at(t0 + 64_999)).toEqual([]);
    expect(world.at(t0 + 65_000)).toMatchObject([{ data: { end: 'delivery_timed_out' } }]);
  });

  it('lets the wait go on when a lease was never taken up', () => {
    const world = worldWith(['a1']);
    world.given(fact.queued('1', { delivery_timeout_ms: 15_000 }));
    world.settle();
    expect(types(world.after(policy.leaseMs + policy.leaseMarginMs))).toEqual([
      'agent.lost',
      'task.attempt-ended',
      'task.ended',
    ]);
  });

  it('ends what was meant for an agent that is removed', () => {
    const world = worldWith(['a1', 'a2'], { slots: 1 });
    world.given(fact.queued('0', { agent_id: 'a1' }));
    world.settle();
    world.given(
      fact.queued('1', { agent_id: 'a1' }),
      fact.queued('2', { agent_id: 'a1', not_before_ms: t0 + 99_000 }),
      fact.queued('3', { agent_id: 'a2', not_before_ms: t0 + 99_000 }),
    );
    const events = world.input(command('agent.remove', { agent_id: 'a1' }));
    expect(events).toMatchObject([
      { type: 'agent.removed' },
      ...['1', '2'].map((task_id) => ({ data: { task_id, end: 'cancelled', reason: 'agent_removed' } })),
    ]);
    expect(world.takeOut('close-agent')).toMatchObject([{ agentId: 'a1' }]);
    // What it still holds runs out, and then has nowhere to go.
    const later = world.after(policy.leaseMs + policy.leaseMarginMs);
    expect(later.filter((event) => event.subject === '0')).toMatchObject([
      { type: 'task.attempt-ended' },
      { data: { end: 'cancelled' } },
    ]);
  });
});
