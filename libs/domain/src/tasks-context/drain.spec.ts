import { type RunReport } from '@fluxforge/domain/agent';
import {
  command,
  connected,
  fact,
  failed,
  held,
  ok,
  result,
  t0,
  types,
  type World,
  worldWith,
} from './scenario.fixture.js';

const stopped: RunReport = { outcome: 'cancelled' };
const deadlineMs = t0 + 4_000;
const drain = (over: { deadline_ms?: number; drain?: boolean } = { deadline_ms: deadlineMs }) =>
  command('agent.drain', { agent_id: 'a1', drain: true, ...over });

/** `x` runs on `a1`, which drains; `a2` comes later. */
function draining(over: Parameters<typeof fact.queued>[1] = {}): World {
  const world = worldWith(['a1']);
  world.given(fact.queued('x', over));
  world.settle();
  expect(types(world.input(drain()))).toEqual(['agent.drain-set']);
  world.out = [];
  return world;
}

describe('the deadline of a drain', () => {
  it('moves what still runs, and the attempt does not count', () => {
    const world = draining({ max_attempts: 1 });
    expect(world.at(deadlineMs - 1)).toEqual([]);
    expect(world.at(deadlineMs)).toMatchObject([
      { type: 'task.move-requested', data: { task_id: 'x', attempt: 1, agent_id: 'a1' } },
    ]);
    expect(world.takeOut('push-cancel')).toMatchObject([{ taskId: 'x', attempt: 1 }]);
    expect(world.settle()).toEqual([]);
    world.given(fact.agent('a2'));
    world.say(connected('a2'));
    expect(world.say(result('x', 'a1', stopped))).toMatchObject([
      { type: 'task.attempt-ended', data: { reason: 'agent_draining', retry_at_ms: deadlineMs } },
      { type: 'task.leased', data: { agent_id: 'a2', attempt: 2 } },
    ]);
    expect(world.say(result('x', 'a2', failed, 2))).toMatchObject([
      { type: 'task.ended', data: { end: 'failed', attempts_used: 2 } },
    ]);
  });

  it('lets a run that came to its own end first have ended so', () => {
    const world = draining();
    world.at(deadlineMs);
    expect(world.say(result('x', 'a1', ok))).toMatchObject([{ data: { end: 'succeeded' } }]);
    const other = draining({ max_attempts: 1 });
    other.at(deadlineMs);
    expect(other.say(result('x', 'a1', failed))).toMatchObject([{ data: { end: 'failed' } }]);
  });

  it('gives way to a cancel', () => {
    const world = draining();
    world.at(deadlineMs);
    world.input(command('task.cancel', { task_id: 'x' }));
    expect(world.say(result('x', 'a1', stopped))).toMatchObject([{ data: { end: 'cancelled' } }]);
  });

  it.each(['log', 'snapshot'] as const)('is kept by a new owner, by %s, who says it again', (by) => {
    const world = draining();
    if (by === 'log') world.takeOver();
    else world.state = world.context.deserialize(world.context.serialize(world.state))!;
    expect(types(world.at(deadlineMs))).toContain('task.move-requested');
    world.takeOver();
    world.say(connected('a1', { inventory: [held('x')] }));
    expect(world.takeOut('push-cancel')).toMatchObject([{ taskId: 'x' }]);
    world.takeOver();
    expect(types(world.say(connected('a1')))).toContain('task.attempt-ended');
  });

  it('is lifted with the drain, and moved by another', () => {
    const world = draining();
    expect(types(world.input(drain()))).toEqual(['command.accepted']);
    expect(types(world.input(drain({ deadline_ms: deadlineMs + 1_000 })))).toEqual(['agent.drain-set']);
    expect(world.at(deadlineMs)).toEqual([]);
    expect(types(world.input(drain({ drain: false })))).toEqual(['agent.drain-set']);
    expect(world.at(deadlineMs + 1_000)).toEqual([]);
  });
});
