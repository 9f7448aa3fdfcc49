import { cloneRealm } from './copy.js';
import { Fleet, lasts } from './fleet.fixture.js';
import { policy } from './scenario.fixture.js';

const dayMs = 24 * 3_600_000;
/** In seconds. */
const stepOfAging = policy.agingMs / 1_000;
/** Seconds after which what waits with this priority is due an agent. */
const dueSteps = (priority: number) => (priority + 1) * stepOfAging + 1;
const small = () => lasts(2_000);
const large = { ...lasts(2_000), priority: 0, requests: { slots: 2 } };
/** Another kind of task. */
const other = { ...large, requests: { slots: 2, cpu_millis: 1 } };

/** Each of these agents has one slot taken for days, and one that comes free every two seconds. */
function besidesDays(agents: number, oneIn: number): Fleet {
  const fleet = new Fleet(Array.from({ length: agents }, () => 2), oneIn); // prettier-ignore
  for (let i = 0; i < agents; i++) fleet.queue(`days${i}`, { ...lasts(dayMs), agent_id: `a${i}` });
  fleet.step();
  return fleet;
}

describe('agents that are kept for several large tasks of a tenant', () => {
  it('are one for each kind, so that one that waits for days holds up no other', () => {
    const fleet = besidesDays(1, 1);
    fleet.queue('first', { ...large, agent_id: 'a0' });
    fleet.join('a1', 2);
    fleet.run(dueSteps(0), small);
    expect(fleet.kept).toEqual({ a0: 'first' });
    fleet.queue('second', large);
    fleet.run(dueSteps(0) + 3, small);
    expect(fleet.leasedAtMs.has('second')).toBe(true);
    expect(fleet.kept).toEqual({ a0: 'first' });
  });

  it.each([
    [19, 1],
    [20, 2],
    [29, 2],
  ])('of %d agents are %d at most, whoever is due', (agents, most) => {
    const fleet = besidesDays(agents, policy.keeping.oneIn);
    for (let i = 0; i < 4; i++)
      fleet.queue(`big${i}`, { ...large, requests: { slots: 2, cpu_millis: i + 1 } });
    fleet.run(dueSteps(0) + 3, small);
    expect(Object.values(fleet.kept)).toEqual(['big0', 'big1'].slice(0, most));
    // One that is let go makes room for the next in line.
    fleet.world.given({ ...cancelled('big0') });
    fleet.run(2, small);
    expect(Object.values(fleet.kept).sort()).toEqual(['big1', 'big2'].slice(0, most));
  });

  it('are fewer when agents that counted are drained', () => {
    const fleet = besidesDays(4, 2);
    fleet.queue('big', large);
    fleet.queue('bigger', other);
    fleet.run(dueSteps(0) + 3, small);
    expect(Object.values(fleet.kept)).toEqual(['big', 'bigger']);
    const spare = ['a0', 'a1', 'a2', 'a3'].filter((id) => !(id in fleet.kept));
    fleet.drain(spare[0]!);
    fleet.run(stepOfAging + 1, small);
    expect(Object.values(fleet.kept)).toEqual(['big']);
  });

  it('are those that have room soonest by the time limits of what runs there, and not those that lack least', () => {
    const fleet = new Fleet([2, 2], 1);
    fleet.queue('days', { ...lasts(dayMs), agent_id: 'a0' });
    for (const id of ['x', 'y']) fleet.queue(id, { ...lasts(200_000), agent_id: 'a1' });
    fleet.step();
    fleet.queue('big', large);
    fleet.run(dueSteps(0));
    expect(fleet.kept).toEqual({ a1: 'big' });
  });

  it('are left for one that has room sooner by an order of magnitude', () => {
    const fleet = new Fleet([2, 2], 1);
    fleet.queue('days', { ...lasts(dayMs), agent_id: 'a0' });
    // Nobody knows how soon it ends.
    fleet.queue('x', { ...lasts(40_000, dayMs), agent_id: 'a1' });
    fleet.queue('y', { ...lasts(100_000), agent_id: 'a1' });
    fleet.step();
    fleet.queue('big', large);
    fleet.run(dueSteps(0));
    expect(fleet.kept).toEqual({ a0: 'big' });
    fleet.run(stepOfAging);
    expect(fleet.kept).toEqual({ a1: 'big' });
  });

  it('are left for none that may have room later, though it lacks less', () => {
    const fleet = new Fleet([3, 3], 1);
    for (const id of ['v', 'w']) fleet.queue(id, { ...lasts(200_000), agent_id: 'a0' });
    fleet.queue('x', { ...lasts(40_000, dayMs), agent_id: 'a1' });
    fleet.queue('y', { ...lasts(210_000), agent_id: 'a1' });
    fleet.step();
    fleet.queue('big', { ...large, requests: { slots: 3 } });
    fleet.run(dueSteps(0));
    expect(fleet.kept).toEqual({ a0: 'big' });
    fleet.run(2 * stepOfAging);
    expect(fleet.kept).toEqual({ a0: 'big' });
  });

  it('go to the oldest that could have them, though younger ones are due each time', () => {
    const fleet = new Fleet([3, 3], 1);
    const here = { ...large, agent_id: 'a0' };
    fleet.run(1, small);
    for (let i = 0; i < 5; i++) fleet.queue(`older${i}`, here);
    fleet.queue('whole', { ...here, requests: { slots: 3 } });
    for (let i = 0; i < 50; i++) fleet.queue(`younger${i}`, here);
    fleet.run(dueSteps(0) + 60, small);
    const leased = [...fleet.leasedAtMs.keys()].filter((id) => !/^s\d/.test(id));
    expect(leased).toContain('whole');
    expect(leased.indexOf('whole')).toBeLessThanOrEqual(6);
  });

  it('are the same in a copy', () => {
    const fleet = besidesDays(4, 2);
    fleet.queue('big', large);
    fleet.queue('bigger', other);
    fleet.run(dueSteps(0) + 3, small);
    const copy = cloneRealm(fleet.world.state, fleet.world.context.policy, 't')!;
    const kept = [...copy.realms.get('t')!.agents.values()].map(({ keptFor }) => keptFor);
    expect(kept).toEqual([...fleet.realm.agents.values()].map(({ keptFor }) => keptFor));
    expect(kept.filter((id) => id !== null)).toEqual(['big', 'bigger']);
  });
});

function cancelled(id: string) {
  return {
    type: 'task.ended' as const,
    tenantId: 't',
    subject: id,
    data: {
      task_id: id,
      life: 1,
      end: 'cancelled' as const,
      reason: 'cancelled_by_user' as const,
      attempts_used: 0,
    },
  };
}
