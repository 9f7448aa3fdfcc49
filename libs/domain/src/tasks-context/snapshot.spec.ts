import { makeTasksContext } from './context.js';
import { command, connected, fact, policy, World } from './scenario.fixture.js';

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
});
