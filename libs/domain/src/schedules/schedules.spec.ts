import { type EventData, type ScheduleSpec } from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { declaredBytes } from '@fluxforge/domain/tenant';
import {
  command,
  connected,
  fact,
  policy,
  spec as taskSpec,
  t0,
  types,
  World,
} from '../tasks-context/scenario.fixture.js';
import { makeTasksContext } from '../tasks-context/index.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** 2001-09-09 01:46:40 UTC. */
const firstMs = Date.parse('2001-09-09T01:47:00Z');

function specOf(over: Partial<ScheduleSpec> = {}): ScheduleSpec {
  const times = { cron: '* * * * *', time_zone: 'UTC', jitter_ms: 0, missed_after_ms: hourMs };
  return { ...times, overlap: 'allow', task: taskSpec({ delivery_timeout_ms: 24 * hourMs }), ...over };
}

const create = (over: Partial<ScheduleSpec> = {}, id = 's') =>
  command('schedule.create', { schedule_id: id, name: 'every minute', spec: specOf(over) });

function scheduled(over: Partial<ScheduleSpec> = {}, id = 's'): World {
  const world = new World().given(
    fact.tenant('t', { limits: { max_queued_tasks: 10, max_agents: 3, max_states: 1 } }),
  );
  world.input(create(over, id));
  return world;
}

function fired(world: World): EventData<'schedule.fired'>[] {
  return world.log.flatMap((one) => (one.type === 'schedule.fired' ? [one.data] : []));
}

describe('schedule commands', () => {
  it('create says when it is due first', () => {
    const world = scheduled();
    expect(world.log.at(-1)).toMatchObject({
      type: 'schedule.created',
      data: { schedule_id: 's', generation: 1, next_due_ms: firstMs, next_ms: firstMs },
    });
    expect(world.context.wakeAtMs(world.state)).toBe(firstMs);
  });

  it('create twice is one; with other content it is refused; a deleted id is gone for a day', () => {
    const world = scheduled();
    expect(world.input(create())).toMatchObject([{ type: 'command.accepted' }]);
    expect(world.input(create({ overlap: 'forbid' }))).toMatchObject([{ data: { code: 'already_exists' } }]);
    const remove = command('schedule.delete', { schedule_id: 's' });
    expect(types(world.input(remove))).toEqual(['schedule.deleted']);
    expect(types(world.input(remove))).toEqual(['command.accepted']);
    expect(world.input(create())).toMatchObject([{ data: { code: 'gone' } }]);
    world.nowMs += 25 * hourMs;
    expect(types(world.input(create()))).toEqual(['schedule.created']);
  });

  it.each<[string, Partial<ScheduleSpec>]>([
    ['cron: has 6 fields', { cron: '* * * * * *' }],
    ['cron: minute: "*/0"', { cron: '*/0 * * * *' }],
    ['cron: names no time within the next five years', { cron: '0 0 31 2 *' }],
    ['time_zone: is not the name', { time_zone: 'Mars/Olympus' }],
  ])('create and update refuse: %s', (message, over) => {
    const world = new World().given(fact.tenant());
    const [event] = world.input(create(over));
    expect(event).toMatchObject({ type: 'command.rejected', data: { code: 'invalid' } });
    expect((event!.data as { message: string }).message).toContain(message);
    world.input(create());
    const update = command('schedule.update', { schedule_id: 's', name: 'n', spec: specOf(over) });
    expect(world.input(update)).toMatchObject([{ data: { code: 'invalid' } }]);
  });

  it('are refused of what is not there, and beyond the number that a tenant may have', () => {
    const world = new World().given(fact.tenant());
    const unknown = [
      command('schedule.update', { schedule_id: 's', name: 'n', spec: specOf() }),
      command('schedule.suspend', { schedule_id: 's', suspended: true }),
      command('schedule.delete', { schedule_id: 's' }),
    ];
    for (const one of unknown) expect(world.input(one)).toMatchObject([{ data: { code: 'not_found' } }]);
    expect(new World().input(create())).toMatchObject([{ data: { code: 'not_found' } }]);
    const few = new World(makeTasksContext({ ...policy, maxSchedules: 3 })).given(fact.tenant());
    for (let i = 0; i < 3; i++) expect(types(few.input(create({}, `s${i}`)))).toEqual(['schedule.created']);
    expect(few.input(create())).toMatchObject([{ data: { code: 'quota_exceeded' } }]);
  });

  it('take no more bytes together than max_declared_bytes says, what is replaced or deleted given back', () => {
    const spec = (words: number) => specOf({ task: { ...specOf().task, command: 'x'.repeat(words) } });
    const bytesOf = (words: number) => declaredBytes({ name: 'n', spec: spec(words) });
    const make = (id: string, words: number) =>
      command('schedule.create', { schedule_id: id, name: 'n', spec: spec(words) });
    const change = (id: string, words: number) =>
      command('schedule.update', { schedule_id: id, name: 'n', spec: spec(words) });
    const limits = { max_queued_tasks: 10, max_agents: 3, max_states: 1 };
    const most = bytesOf(100) + bytesOf(200);
    const world = new World().given(fact.tenant('t', { limits: { ...limits, max_declared_bytes: most } }));
    const full = (others: number, words: number) => ({
      type: 'command.rejected',
      data: {
        code: 'quota_exceeded',
        message: `max_declared_bytes is ${most}: this takes ${bytesOf(words)} beside ${others} that are there`,
      },
    });
    const book = () => world.state.realms.get('t')!.scheduling;
    expect(types(world.input(make('a', 100)))).toEqual(['schedule.created']);
    expect(world.input(make('b', 201))).toMatchObject([full(bytesOf(100), 201)]);
    expect(types(world.input(make('b', 200)))).toEqual(['schedule.created']);
    expect(book().bytes).toBe(most);
    expect(world.input(change('a', 101))).toMatchObject([full(bytesOf(200), 101)]);
    expect(types(world.input(change('a', 50)))).toEqual(['schedule.updated']);
    expect(types(world.input(change('b', 250)))).toEqual(['schedule.updated']);
    expect(book().bytes).toBe(most);
    world.given(decided('tenant.limits-set', 't', 't', { limits: { ...limits, max_declared_bytes: 1 } }));
    expect(types(world.input(change('b', 249)))).toEqual(['schedule.updated']);
    expect(types(world.input(change('b', 250)))).toEqual(['command.rejected']);
    const copy = world.context.deserialize(world.context.serialize(world.state))!;
    expect(copy.realms.get('t')!.scheduling.bytes).toBe(most - 1);
    for (const id of ['a', 'b']) world.input(command('schedule.delete', { schedule_id: id }));
    expect(book().bytes).toBe(0);
  });

  it('update keeps what is due unless the times change, and suspend forgets it', () => {
    const world = scheduled({ cron: '0 * * * *' });
    world.nowMs += 5 * minuteMs;
    const update = (over: Partial<ScheduleSpec>) =>
      world.input(
        command('schedule.update', {
          schedule_id: 's',
          name: 'n',
          spec: specOf({ cron: '0 * * * *', ...over }),
        }),
      );
    const due = Date.parse('2001-09-09T02:00:00Z');
    expect(update({ overlap: 'forbid' })).toMatchObject([{ data: { generation: 2, next_ms: due } }]);
    expect(types(update({ overlap: 'forbid' }))).toEqual(['command.accepted']);
    expect(update({ cron: '30 * * * *' })).toMatchObject([
      { data: { generation: 3, next_ms: due + hourMs / 2 } },
    ]);
    const suspend = (suspended: boolean) =>
      world.input(command('schedule.suspend', { schedule_id: 's', suspended }));
    expect(suspend(true)[0]!.data).toEqual({ schedule_id: 's', suspended: true });
    expect(types(suspend(true))).toEqual(['command.accepted']);
    expect(world.context.wakeAtMs(world.state)).toBeNull();
    world.after(10 * hourMs);
    // What was due while it was suspended is nobody's miss.
    expect(suspend(false)).toMatchObject([{ data: { next_due_ms: Date.parse('2001-09-09T12:30:00Z') } }]);
  });
});

describe('a firing', () => {
  it('queues a task that says where it is from, and moves the schedule on', () => {
    const world = scheduled({ max_delay_ms: 5_000, task: taskSpec({ not_before_ms: 1, not_after_ms: 2 }) });
    expect(world.at(firstMs - 1)).toEqual([]);
    const [first, second, ...rest] = world.at(firstMs);
    expect(rest).toEqual([]);
    const task_id = `s.${firstMs}`;
    expect(first).toMatchObject({
      type: 'schedule.fired',
      data: { due_ms: firstMs, task_id, missed: 0, next_due_ms: firstMs + minuteMs },
    });
    const spec = taskSpec({ not_after_ms: firstMs + 5_000 });
    expect(second).toMatchObject({
      type: 'task.queued',
      data: { task_id, kind: 'scheduled', batch: { schedule_id: 's', due_ms: firstMs }, spec },
    });
    expect((second!.data as EventData<'task.queued'>).spec).toEqual(spec);
    expect(world.at(firstMs)).toEqual([]);
  });

  it('of a schedule with a long id has an id of its own', () => {
    const world = scheduled({}, 'x'.repeat(128));
    world.at(firstMs);
    expect(fired(world)[0]!.task_id).toMatch(/^sch-[0-9a-f]{32}\.\d{13}$/);
  });

  it('is put off by its jitter, the same for everybody, and never beyond the next', () => {
    const world = scheduled({ jitter_ms: 24 * hourMs });
    const { next_due_ms, next_ms } = world.log.at(-1)!.data as EventData<'schedule.created'>;
    expect(next_due_ms).toBe(firstMs);
    expect(next_ms).toBeGreaterThan(firstMs);
    expect(next_ms).toBeLessThan(firstMs + minuteMs);
    for (let i = 0; i < 200; i++) world.after(minuteMs / 4);
    const dues = fired(world).map(({ due_ms }) => due_ms);
    expect(dues.length).toBeGreaterThan(40);
    expect(dues).toEqual(dues.map((_, i) => firstMs + i * minuteMs));
  });

  it('after an outage is one, and the others are missed', () => {
    const world = scheduled();
    world.at(firstMs + 10 * minuteMs + 1);
    expect(fired(world)).toMatchObject([{ due_ms: firstMs + 10 * minuteMs, missed: 10 }]);
    expect(fired(world)[0]).toHaveProperty('task_id');
    world.takeOver();
    world.at(firstMs + 11 * minuteMs);
    expect(fired(world)).toHaveLength(2);
  });

  it('that comes too late is missed itself', () => {
    const world = scheduled({ cron: '0 * * * *', missed_after_ms: 30 * minuteMs });
    const due = Date.parse('2001-09-09T04:00:00Z');
    world.at(due + 30 * minuteMs + 1);
    expect(fired(world)).toEqual([
      {
        schedule_id: 's',
        due_ms: due,
        skipped: 'missed',
        missed: 2,
        next_due_ms: due + hourMs,
        next_ms: due + hourMs,
      },
    ]);
    expect(world.state.realms.get('t')!.tasks.size).toBe(0);
  });

  it('counts ten thousand misses and no more', () => {
    const world = scheduled();
    world.at(firstMs + 30 * 24 * hourMs);
    expect(fired(world)).toMatchObject([{ missed: 10_000 }]);
  });

  it('that is not let in is skipped with the reason, and queues nothing', () => {
    const world = scheduled({ task: taskSpec({ agent_id: 'nobody' }) });
    expect(types(world.at(firstMs))).toEqual(['schedule.fired']);
    expect(fired(world)).toMatchObject([{ skipped: 'unknown_agent' }]);
    const full = scheduled();
    for (let i = 0; i < 12; i++) full.at(firstMs + i * minuteMs);
    expect(fired(full).map(({ skipped }) => skipped)).toEqual([
      ...Array.from({ length: 10 }, () => undefined),
      'quota_queued_tasks',
      'quota_queued_tasks',
    ]);
  });

  it('stops with the schedule; what it queued goes on', () => {
    const world = scheduled();
    world.at(firstMs);
    world.input(command('schedule.delete', { schedule_id: 's' }));
    expect(world.context.wakeAtMs(world.state)).toBe(firstMs + 24 * hourMs);
    expect(world.at(firstMs + hourMs)).toEqual([]);
    expect([...world.state.realms.get('t')!.tasks.keys()]).toEqual([`s.${firstMs}`]);
  });

  it('over a change of the clock: a missing hour once, a repeated hour once', () => {
    const world = new World().given(fact.tenant());
    world.nowMs = Date.parse('2026-03-28T12:00Z');
    world.input(create({ cron: '30 2 * * *', time_zone: 'Europe/Berlin', overlap: 'replace' }));
    for (let day = 0; day < 240 * 2; day++) world.after(12 * hourMs);
    const times = fired(world).map(({ due_ms }) => new Date(due_ms).toISOString().slice(0, 16));
    expect(times[0]).toBe('2026-03-29T01:00');
    expect(times).toContain('2026-10-25T00:30');
    expect(times).not.toContain('2026-10-25T01:30');
    expect(new Set(times.map((time) => time.slice(0, 10))).size).toBe(times.length);
  });
});

describe('overlap', () => {
  const running = (over: Partial<ScheduleSpec>) => {
    const world = scheduled(over);
    world.nowMs = firstMs - 1;
    world.given(fact.agent('a1'));
    world.say(connected('a1'));
    world.at(firstMs);
    const id = `s.${firstMs}`;
    expect(world.state.realms.get('t')!.tasks.get(id)?.lease).not.toBeNull();
    return { world, id };
  };

  it('forbid: nothing while the last one has not ended', () => {
    const { world, id } = running({ overlap: 'forbid' });
    world.at(firstMs + minuteMs);
    expect(fired(world).map(({ skipped }) => skipped)).toEqual([undefined, 'overlap_forbidden']);
    world.input(command('task.cancel', { task_id: id }));
    world.at(firstMs + 2 * minuteMs);
    expect(fired(world).at(-1)).toHaveProperty('task_id');
  });

  it('replace: the one before is cancelled, and then the new one is queued', () => {
    const { world, id } = running({ overlap: 'replace' });
    const events = world.at(firstMs + minuteMs);
    const about = events.filter((one) => one.type === 'task.cancel-requested' || one.type === 'task.ended');
    expect(about).toMatchObject([{ subject: id, data: { reason: 'overlap_replaced' } }]);
    expect(types(events).indexOf(about[0]!.type)).toBeLessThan(types(events).indexOf('schedule.fired'));
    expect(fired(world).at(-1)).toHaveProperty('task_id');
  });

  it('replace: of queued ones too, also those of a time when all were allowed', () => {
    const world = scheduled();
    for (let i = 0; i < 3; i++) world.at(firstMs + i * minuteMs);
    world.input(
      command('schedule.update', { schedule_id: 's', name: 'n', spec: specOf({ overlap: 'replace' }) }),
    );
    world.takeOver();
    const events = world.at(firstMs + 3 * minuteMs);
    expect(types(events)).toEqual([
      'task.ended',
      'task.ended',
      'task.ended',
      'schedule.fired',
      'task.queued',
    ]);
    expect(world.state.realms.get('t')!.scheduling.live.get('s')?.size).toBe(1);
  });
});

describe('many schedules that are due at once', () => {
  it('all fire, leases come in between, and a snapshot knows them', () => {
    const world = new World().given(
      fact.tenant('t', { limits: { max_queued_tasks: 10_000, max_agents: 9, max_states: 1 } }),
    );
    for (let i = 0; i < 500; i++) world.input(create({}, `s${i}`));
    world.given(fact.agent('a1', { slots: 100 }));
    world.say(connected('a1', { slots: 100 }));
    const restored = world.context.deserialize(world.context.serialize(world.state))!;
    expect(world.context.serialize(restored)).toBe(world.context.serialize(world.state));
    expect(world.context.wakeAtMs(restored)).toBe(firstMs);
    world.nowMs = firstMs;
    const order = types(world.say(connected('a1', { slots: 100 })));
    expect(order.filter((type) => type === 'schedule.fired')).toHaveLength(500);
    expect(order.indexOf('task.leased')).toBeLessThanOrEqual(2 * 64 + 2);
  });

  it('wait for room for both of their events', () => {
    const world = scheduled();
    expect(world.context.plan(world.state, firstMs, 1)).toEqual([]);
    expect(types(world.context.plan(world.state, firstMs, 2))).toEqual(['schedule.fired', 'task.queued']);
    expect(world.nowMs).toBe(t0);
  });
});
