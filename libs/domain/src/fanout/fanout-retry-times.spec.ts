import { type TaskSpec } from '@fluxforge/events/catalogue';
import {
  command,
  connected,
  fact,
  failed,
  result,
  spec as taskSpec,
  t0,
  types,
  World,
} from '../tasks-context/scenario.fixture.js';

const all = { percent: 100 };
const retry = (of: string, id: string) =>
  command('fanout.retry', { fanout_id: id, of_fanout_id: of, members: ['failed'] });

/** `f` on one agent, which failed; the clock stands at its start. */
function failedOnce(times: Partial<TaskSpec>): World {
  const one = new World().given(fact.tenant(), fact.agent('a1'));
  one.nowMs = t0;
  one.say(connected('a1'));
  const task = taskSpec({ max_attempts: 1, ...times });
  const spec = { task, selector: [], max_concurrency: all, max_failures: all };
  one.input(command('fanout.start', { fanout_id: 'f', spec }));
  one.say(result('f.0', 'a1', failed));
  return one;
}

function retryAt(one: World, nowMs: number, of = 'f', id = 'g') {
  one.nowMs = nowMs;
  one.say(connected('a1'));
  const events = one.input(retry(of, id));
  const started = events.find((event) => event.type === 'fanout.started');
  const { not_before_ms, not_after_ms } = (started!.data as { spec: { task: TaskSpec } }).spec.task;
  return { events: types(events), times: { not_before_ms, not_after_ms } };
}

describe('the times of a retry', () => {
  it('that lie ahead are kept', () => {
    const one = failedOnce({ not_after_ms: t0 + 60_000 });
    const { events, times } = retryAt(one, t0 + 59_999);
    expect(times).toEqual({ not_after_ms: t0 + 60_000 });
    expect(events).toContain('task.leased');
  });

  it('that have passed are moved on, and its members run', () => {
    const one = failedOnce({ not_before_ms: t0, not_after_ms: t0 + 60_000 });
    const { events, times } = retryAt(one, t0 + 60_000);
    expect(times).toEqual({ not_after_ms: t0 + 120_000 });
    expect(events).toContain('task.leased');
    expect(events).not.toContain('task.ended');
  });

  it('are moved on from retry to retry, also out of a snapshot', () => {
    const one = failedOnce({ not_after_ms: t0 + 60_000 });
    retryAt(one, t0 + 100_000);
    one.say(result('g.0', 'a1', failed));
    one.state = one.context.deserialize(one.context.serialize(one.state))!;
    one.context.resume(one.state, one.nowMs);
    const { events, times } = retryAt(one, t0 + 300_000, 'g', 'h');
    expect(times).toEqual({ not_after_ms: t0 + 360_000 });
    expect(events).toContain('task.leased');
  });

  it('that had passed at the first start are dropped', () => {
    const one = new World().given(fact.tenant(), fact.agent('a1'));
    one.nowMs = t0;
    one.say(connected('a1'));
    const spec = {
      task: taskSpec({ not_after_ms: t0 - 1 }),
      selector: [],
      max_concurrency: all,
      max_failures: all,
    };
    one.input(command('fanout.start', { fanout_id: 'f', spec }));
    const again = command('fanout.retry', {
      fanout_id: 'g',
      of_fanout_id: 'f',
      members: ['failed', 'not_started'],
    });
    const events = one.input(again);
    expect(types(events)).toContain('task.leased');
  });
});
