import fc from 'fast-check';
import { type FanoutSpec, type Limits, type ScheduleSpec } from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import {
  command,
  connected,
  fact,
  failed,
  limits,
  result,
  spec,
  types,
  World,
  worldWith,
} from './scenario.fixture.js';

const minuteMs = 60_000;

const fanoutSpec: FanoutSpec = {
  task: spec({ max_attempts: 1 }),
  selector: [],
  max_concurrency: { percent: 100 },
  max_failures: { percent: 100 },
};
const scheduleSpec = (over: Partial<ScheduleSpec> = {}): ScheduleSpec => ({
  cron: '* * * * *',
  time_zone: 'UTC',
  jitter_ms: 0,
  missed_after_ms: minuteMs,
  overlap: 'allow',
  task: spec(),
  ...over,
});
const submit = (id: string) => command('task.submit', { task_id: id, spec: spec() });
const fanOut = (id: string, selector: FanoutSpec['selector'] = []) =>
  command('fanout.start', { fanout_id: id, spec: { ...fanoutSpec, selector } });
const retry = (id: string, of: string) =>
  command('fanout.retry', { fanout_id: id, of_fanout_id: of, members: ['failed'] });
const create = (id: string, over: Partial<ScheduleSpec> = {}) =>
  command('schedule.create', { schedule_id: id, name: id, spec: scheduleSpec(over) });
const update = (id: string, over: Partial<ScheduleSpec> = {}) =>
  command('schedule.update', { schedule_id: id, name: id, spec: scheduleSpec(over) });

const overRate = { type: 'command.rejected', data: { code: 'quota_exceeded' } };
const rejectedFanout = { type: 'fanout.rejected', data: { reason: 'quota_submission_rate' } };
const rejectedTask = { type: 'task.rejected', data: { reason: 'quota_submission_rate' } };

function limited(over: Partial<Limits>, agents: readonly string[] = []): World {
  const world = worldWith(agents, { slots: 8 });
  world.input(
    command('tenant.set-limits', { limits: { ...limits, max_queued_tasks: 1_000, max_agents: 9, ...over } }),
  );
  return world;
}

/** How many tasks are let in now: what is left in the bucket. */
function left(world: World): number {
  for (let n = 0; ; n++) {
    const [answer] = world.input(submit(`left-${world.nowMs}-${n}`));
    if (answer?.type !== 'task.queued') return n;
  }
}

describe('what makes tasks is one submission', () => {
  it('a fan-out, however many members it has, and its retry', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 3 }, ['a1', 'a2', 'a3']);
    expect(types(world.input(fanOut('f'))).filter((type) => type === 'task.queued')).toHaveLength(3);
    world.say(result('f.0', 'a1', failed));
    world.say(result('f.1', 'a2', failed));
    world.say(result('f.2', 'a3', failed));
    expect(types(world.input(retry('g', 'f')))).toContain('fanout.started');
    expect(left(world)).toBe(1);
    expect(world.input(fanOut('h'))).toMatchObject([rejectedFanout]);
    world.nowMs += 1_000;
    expect(world.input(retry('i', 'f'))[0]).toMatchObject({ type: 'fanout.started' });
    expect(world.input(retry('j', 'f'))).toMatchObject([rejectedFanout]);
  });

  it('a schedule and a change of it, and none of its firings', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 2 });
    expect(types(world.input(create('s')))).toEqual(['schedule.created']);
    expect(types(world.input(update('s', { overlap: 'forbid' })))).toEqual(['schedule.updated']);
    const [refused] = world.input(update('s'));
    expect(refused).toMatchObject(overRate);
    expect(JSON.stringify(refused?.data)).toContain('quota_submission_rate');
    expect(world.input(create('other'))).toMatchObject([overRate]);
    expect(world.input(submit('x'))).toMatchObject([rejectedTask]);
    expect(types(world.after(2 * minuteMs))).toContain('task.queued');
    expect(left(world)).toBe(2);
  });

  it('repetitions, what changes nothing and what is refused cost nothing', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 4 }, ['a1']);
    world.input(fanOut('f'));
    world.input(create('s'));
    expect(types(world.input(fanOut('f')))).toEqual(['command.accepted']);
    expect(types(world.input(create('s')))).toEqual(['command.accepted']);
    expect(types(world.input(update('s')))).toEqual(['command.accepted']);
    expect(world.input(fanOut('none', [{ key: 'zone', op: 'exists', values: [] }]))).toMatchObject([
      { data: { reason: 'no_agent_matches' } },
    ]);
    expect(world.input(create('s', { overlap: 'forbid' }))).toMatchObject([
      { data: { code: 'already_exists' } },
    ]);
    expect(world.input(update('t'))).toMatchObject([{ data: { code: 'not_found' } }]);
    expect(world.input(retry('g', 'f'))).toMatchObject([{ data: { code: 'conflict' } }]);
    const suspend = command('schedule.suspend', { schedule_id: 's', suspended: true });
    expect(types(world.input(suspend))).toEqual(['schedule.suspended']);
    expect(types(world.input(command('schedule.delete', { schedule_id: 's' })))).toEqual([
      'schedule.deleted',
    ]);
    expect(left(world)).toBe(2);
    // Also with nothing left: what makes no event is answered as ever.
    expect(types(world.input(fanOut('f')))).toEqual(['command.accepted']);
  });

  it('stays one for a new owner, and for one that starts from a snapshot', () => {
    const world = limited({ submissions_per_s: 1, submission_burst: 2 }, ['a1']);
    world.input(fanOut('f'));
    world.input(create('s'));
    const text = world.context.serialize(world.state);
    world.takeOver();
    expect(world.context.serialize(world.state)).toBe(text);
    expect(world.input(submit('x'))).toMatchObject([rejectedTask]);
    world.state = world.context.deserialize(text)!;
    expect(world.input(create('t'))).toMatchObject([overRate]);
  });

  it('was none in logs of before: they fold to the same bucket as then', () => {
    const world = new World().given(
      fact.tenant('t', { limits: { ...limits, submissions_per_s: 1, submission_burst: 2 } }),
      fact.agent('a1'),
      decided('fanout.started', 't', 'f', { fanout_id: 'f', spec: fanoutSpec, members: ['a1'] }),
      decided('schedule.created', 't', 's', {
        schedule_id: 's',
        name: 's',
        spec: scheduleSpec(),
        generation: 1,
      }),
      decided('schedule.updated', 't', 's', {
        schedule_id: 's',
        name: 'u',
        spec: scheduleSpec(),
        generation: 1,
      }),
    );
    world.say(connected('a1'));
    expect(left(world)).toBe(2);
  });

  it('with tasks among them, over any span no more than burst + rate x span, and no fewer than may be', () => {
    const kinds = fc.constantFrom('task', 'fan-out', 'schedule', 'change');
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), kinds), {
      minLength: 1,
      maxLength: 40,
    });
    const rate = fc.integer({ min: 1, max: 10 });
    fc.assert(
      fc.property(
        steps,
        rate,
        fc.integer({ min: 1, max: 6 }),
        (list, submissions_per_s, submission_burst) => {
          const world = limited({ submissions_per_s: 1_000, submission_burst: 1_000 }, ['a1']);
          world.input(create('kept'));
          const both = { submissions_per_s, submission_burst };
          const over = { ...limits, max_queued_tasks: 1_000, ...both };
          world.input(command('tenant.set-limits', { limits: over }));
          const letInAtMs: number[] = [];
          for (const [i, [spanMs, kind]] of list.entries()) {
            world.nowMs += spanMs;
            const id = `n${i}`;
            const asked = {
              task: submit(id),
              'fan-out': fanOut(id),
              schedule: create(id),
              change: update('kept', { missed_after_ms: minuteMs + i + 1 }),
            };
            const [answer] = world.input(asked[kind]);
            if (!answer?.type.endsWith('.rejected')) letInAtMs.push(world.nowMs);
            else expect(spanMs * submissions_per_s).toBeLessThan(1_000);
          }
          for (const [from, fromMs] of letInAtMs.entries()) {
            for (const [to, toMs] of letInAtMs.entries()) {
              if (to < from) continue;
              const most = Math.floor(submission_burst + (submissions_per_s * (toMs - fromMs)) / 1_000);
              expect(to - from + 1).toBeLessThanOrEqual(most);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
