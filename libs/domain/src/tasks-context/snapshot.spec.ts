import { makeTasksContext } from './context.js';
import { cloneRealm } from './copy.js';
import { command, connected, fact, policy, spec, World } from './scenario.fixture.js';

const limits = { max_queued_tasks: 100, max_agents: 10, max_states: 10 };
const context = makeTasksContext(policy);

function world(): World {
  return new World(context).given(fact.tenant('t', { limits }), fact.agent('a1'));
}

const ofKey = (key: string) => ({ concurrency: { key, max: 9, strategy: 'queue' as const } });

describe('a snapshot', () => {
  it('that was read is written as it was, also after the first task of a key has ended', () => {
    const one = world().given(
      fact.queued('q1', ofKey('A')),
      fact.queued('q2', ofKey('B')),
      fact.queued('q3', ofKey('A')),
    );
    one.input(command('task.cancel', { task_id: 'q1' }));
    const text = context.serialize(one.state);
    expect(context.serialize(context.deserialize(text)!)).toBe(text);
  });

  it('does not tell whom an agent is kept for', () => {
    const one = world();
    one.say(connected('a1'));
    const without = context.serialize(one.state);
    one.state.realms.get('t')!.agents.get('a1')!.keptFor = 'big';
    expect(context.serialize(one.state)).toBe(without);
  });

  it('of before, which told it, is read as one that does not', () => {
    const one = world();
    const text = context.serialize(one.state);
    const image = JSON.parse(text) as { realms: { agents: object[] }[] };
    const old = image.realms.map((realm) => ({
      ...realm,
      agents: realm.agents.map((agent) => ({ ...agent, keptFor: 'big' })),
    }));
    const read = context.deserialize(JSON.stringify({ ...image, realms: old }))!;
    expect(read.realms.get('t')!.agents.get('a1')!.keptFor).toBeNull();
    expect(context.serialize(read)).toBe(text);
  });

  it('and a copy are made of agents and tasks of the same form as new ones: what is hot sees one kind', () => {
    const one = world().given(fact.queued('x'));
    const read = context.deserialize(context.serialize(one.state))!;
    const copy = cloneRealm(one.state, policy, 't')!;
    const forms = [one.state, read, copy].map((state) => {
      const { agents, tasks } = state.realms.get('t')!;
      return [Object.keys(agents.get('a1')!), Object.keys(tasks.get('x')!)];
    });
    expect(forms[1]).toEqual(forms[0]);
    expect(forms[2]).toEqual(forms[0]);
  });

  it('that was read plans on as the fold does, however many tasks were made in a row before', () => {
    const rules = makeTasksContext({ ...policy, firingsInARow: 1 });
    const agents = ['a1', 'a2'].flatMap((id) => [fact.agent(id), fact.found(id)]);
    const one = new World(rules).given(fact.tenant('t', { limits }), ...agents);
    const fanout = {
      task: spec(),
      selector: [],
      max_concurrency: { count: 2 },
      max_failures: { count: 0 },
    };
    const start = command('fanout.start', { fanout_id: 'f', spec: fanout });
    one.given(...rules.decide(one.state, start, one.nowMs));
    one.given(...rules.plan(one.state, one.nowMs, 1));
    const read = rules.deserialize(rules.serialize(one.state))!;
    const [folded, restored] = [one.state, read].map((state) => {
      rules.resume(state, one.nowMs);
      rules.observe(state, connected('a1'), one.nowMs);
      return rules.plan(state, one.nowMs, 1);
    });
    expect(folded).toHaveLength(1);
    expect(restored).toEqual(folded);
  });

  it('that was read gives the turn to the key whose it is, also after its first task has ended', () => {
    const one = world().given(fact.found('a1'));
    const inTurns = (key: string) => ({ concurrency: { key, max: 9, strategy: 'round-robin' as const } });
    one.given(
      fact.queued('x1', inTurns('x')),
      fact.queued('y1', inTurns('y')),
      fact.queued('x2', inTurns('x')),
    );
    one.input(command('task.cancel', { task_id: 'x1' }));
    const read = context.deserialize(context.serialize(one.state))!;
    const [folded, restored] = [one.state, read].map((state) => {
      context.resume(state, one.nowMs);
      context.observe(state, connected('a1'), one.nowMs);
      return context.plan(state, one.nowMs, 1);
    });
    expect(folded).toMatchObject([{ type: 'task.leased', data: { task_id: 'x2' } }]);
    expect(restored).toEqual(folded);
  });

  it('that was read moves and misses runs in the order of the fold, in whichever they were leased', () => {
    const one = world().given(fact.found('a1'));
    one.say(connected('a1', { slots: 2 }));
    one.given(fact.queued('late', { priority: 4 }), fact.queued('urgent', { priority: 0 }));
    one.settle();
    expect([...one.state.realms.get('t')!.agents.get('a1')!.leases]).toEqual(['urgent', 'late']);
    const deadlineMs = one.nowMs + 1_000;
    one.input(command('agent.drain', { agent_id: 'a1', drain: true, deadline_ms: deadlineMs }));
    const read = context.deserialize(context.serialize(one.state))!;
    const [folded, restored] = [one.state, read].map((state) => {
      context.resume(state, one.nowMs);
      context.observe(state, connected('a1', { slots: 2 }), one.nowMs);
      const pushed = context.pulse(state, one.nowMs).map((effect) => 'taskId' in effect && effect.taskId);
      return { pushed, moved: context.plan(state, deadlineMs, 1) };
    });
    expect(folded).toMatchObject({ pushed: ['late', 'urgent'], moved: [{ data: { task_id: 'late' } }] });
    expect(restored).toEqual(folded);
  });
});
