import { type AgentMessage, type RunReport } from '@fluxforge/domain/agent';
import { atOnce } from '@fluxforge/domain/kernel';
import { makeTasksContext } from './context.js';
import { type Queued, type Remedy } from './explanation.js';
import { heed, trip } from './heeding.fixture.js';
import {
  command,
  connected,
  fact,
  heartbeat,
  limits,
  ok,
  policy,
  result,
  spec,
  World,
} from './scenario.fixture.js';

const roomy = { ...limits, max_queued_tasks: 1_000, max_agents: 100 };

function worldOf(...agents: [id: string, over?: Parameters<typeof fact.agent>[1]][]): World {
  const world = new World(makeTasksContext(policy)).given(fact.tenant('t', { limits: roomy }));
  for (const [id, over = {}] of agents) {
    const { labels = {}, slots = 2 } = over;
    world.given(fact.agent(id, over));
    world.say(connected(id, { labels, slots }));
  }
  return world;
}

const explained = (world: World, id: string) => world.context.explainTask(world.state, 't', id, world.nowMs);
const why = (world: World, id: string) => explained(world, id) as Queued;
const named = (remedy: Remedy | undefined) => (remedy?.kind === 'end-tasks' ? remedy.taskIds : []);
const kinds = (world: World, id: string) => why(world, id).remedies.map(({ kind }) => kind);

describe('an explanation whose task moves on while it is made', () => {
  /** Asked of a full agent's first waiting task, with one step made. */
  const begun = () => {
    const world = worldOf(['a1', { slots: 1 }]);
    const more = ['x', 'y', 'z'].map((id) => fact.queued(id, { delivery_timeout_ms: 0 }));
    world.given(fact.queued('first'), ...more);
    world.settle();
    const steps = world.context.explain(world.state, 't', 'x', world.nowMs);
    expect(steps.next().done).toBe(false);
    return { world, steps };
  };
  const run = (world: World, id: string, report: RunReport) =>
    world.say(result(id, 'a1', report, world.state.realms.get('t')!.tasks.get(id)!.attemptsUsed));

  it('says that it is leased', () => {
    const { world, steps } = begun();
    run(world, 'first', ok);
    expect(atOnce(steps)).toMatchObject({ phase: 'leased', agentId: 'a1', attempt: 1 });
  });

  it('says how it has ended', () => {
    const { world, steps } = begun();
    run(world, 'first', ok);
    run(world, 'x', ok);
    expect(atOnce(steps)).toMatchObject({ phase: 'ended', end: 'succeeded' });
  });

  it('says where it stands when it is queued again', () => {
    const { world, steps } = begun();
    run(world, 'first', ok);
    run(world, 'x', { outcome: 'exited', exit_code: 1 });
    const { readyAtMs } = world.state.realms.get('t')!.tasks.get('x')!;
    const told = { phase: 'queued', rule: 'backoff', untilMs: readyAtMs, position: null };
    expect(atOnce(steps)).toMatchObject(told);
  });

  it('says why it waits by the end', () => {
    const { world, steps } = begun();
    world.input(command('agent.drain', { agent_id: 'a1', drain: true }));
    expect(atOnce(steps)).toMatchObject({ rule: 'agent_draining', position: 1 });
  });
});

describe('the remedies of a task behind a breaker', () => {
  const inZone = (...values: string[]) => ({ selector: [{ key: 'zone', op: 'in' as const, values }] });

  it('ask for no more agents where all that match would stand behind it as well', () => {
    const world = worldOf(['a1', { labels: { zone: 'b' } }]);
    trip(world, 'domain', 'b');
    world.given(fact.queued('x', inZone('b')));
    world.settle();
    expect(kinds(world, 'x')).toEqual(['reset-breakers', 'wait-until']);
  });

  it('ask for agents of another domain where the task would go there', () => {
    const world = worldOf(['a1', { labels: { zone: 'b' } }]);
    trip(world, 'domain', 'b');
    world.given(fact.queued('x', inZone('b', 'c')));
    world.settle();
    const add = why(world, 'x').remedies.find(({ kind }) => kind === 'add-agents')!;
    expect(add).toMatchObject({ labels: { zone: 'c' } });
    heed(world, add);
    expect(explained(world, 'x').phase).toBe('leased');
  });

  it('have only the first in line wait: one probe is let through', () => {
    const world = worldOf(['a1']);
    trip(world, 'agent', 'a1', 5_000);
    world.given(fact.queued('x1'), fact.queued('x2'));
    world.settle();
    expect(kinds(world, 'x1')).toEqual(['reset-breakers', 'wait-until', 'add-agents']);
    expect(kinds(world, 'x2')).toEqual(['reset-breakers', 'add-agents']);
    heed(world, why(world, 'x1').remedies[1]!);
    expect(explained(world, 'x1').phase).toBe('leased');
  });

  it('do not have one wait that has no room beside what runs there: a smaller one is the probe', () => {
    const world = worldOf(['a1', { slots: 2 }]);
    world.given(fact.queued('runs'));
    world.settle();
    trip(world, 'agent', 'a1', 5_000);
    world.given(fact.queued('large', { requests: { slots: 2 } }), fact.queued('small'));
    world.settle();
    expect(kinds(world, 'large')).toEqual(['reset-breakers', 'add-agents']);
    heed(world, { kind: 'wait-until', atMs: world.nowMs + 5_000 });
    expect(explained(world, 'small').phase).toBe('leased');
    expect(why(world, 'large').rule).toBe('breaker_open');
  });

  it('do not have one wait where another agent may be the probe of the domain by then', () => {
    const world = worldOf(['a1', { labels: { zone: 'b' } }], ['a2', { labels: { zone: 'b' } }]);
    trip(world, 'domain', 'b', 5_000);
    trip(world, 'agent', 'a1', 8_000);
    world.given(fact.queued('x', { agent_id: 'a1' }), fact.queued('y', { agent_id: 'a2' }));
    world.settle();
    expect(kinds(world, 'x')).toEqual(['reset-breakers']);
    heed(world, { kind: 'wait-until', atMs: world.nowMs + 5_000 });
    expect(explained(world, 'y').phase).toBe('leased');
    heed(world, { kind: 'wait-until', atMs: world.nowMs + 3_000 });
    expect(why(world, 'x').rule).toBe('breaker_open');
  });
});

describe('the remedies of a task whose tenant has no output left in the hour', () => {
  const worldWithHour = (waiting: number): World => {
    const world = worldOf(['a1', { slots: 9 }]);
    world.input(command('tenant.set-limits', { limits: { ...roomy, output_bytes_per_hour: 4_096 } }));
    for (let i = 0; i < 2 + waiting; i++) world.given(fact.queued(`q${i}`, { delivery_timeout_ms: 0 }));
    world.settle();
    return world;
  };

  it('have it wait for the next hour where that one has room for all who wait', () => {
    const world = worldWithHour(2);
    expect(why(world, 'q3').rule).toBe('quota_output_bytes');
    expect(kinds(world, 'q3')).toEqual(['raise-limit', 'wait-until']);
    heed(world, why(world, 'q3').remedies[1]!);
    expect(explained(world, 'q3').phase).toBe('leased');
  });

  it('do not where others may use that one up as well', () => {
    expect(kinds(worldWithHour(3), 'q4')).toEqual(['raise-limit']);
  });
});

it('tells of an agent that stops by itself that another process is to come, and no drain to be lifted', () => {
  const world = worldOf(['a1']);
  world.say({ ...heartbeat('a1', world.nowMs), stopping: true } as AgentMessage);
  world.input(command('agent.drain', { agent_id: 'a1', drain: true }));
  world.given(fact.queued('x', { agent_id: 'a1' }));
  world.settle();
  expect(why(world, 'x')).toMatchObject({ rule: 'agent_stopping', remedies: [{ kind: 'connect-agent' }] });
  heed(world, why(world, 'x').remedies[0]!);
  expect(why(world, 'x')).toMatchObject({ rule: 'agent_draining', remedies: [{ kind: 'undrain-agent' }] });
  heed(world, why(world, 'x').remedies[0]!);
  expect(explained(world, 'x').phase).toBe('leased');
});

describe('the agents that a task asks for', () => {
  it.each([
    ['slots that do not pack', 3, { slots: 600 }, 3],
    ['more CPU than one agent can have', 22, { cpu_millis: 64_000 }, 2],
    ['more memory than one agent can have', 4, { memory_bytes: 2 ** 50 }, 4],
    ['nearly all of one agent each', 4, { slots: 1_000 }, 4],
    ['all of a small kind', 5, {}, 1],
  ])('are enough for the line before it: %s', (_, count, requests, agents) => {
    const world = worldOf();
    for (let i = 0; i < count; i++) world.given(fact.queued(`q${i}`, { requests }));
    world.settle();
    const last = `q${count - 1}`;
    const [add] = why(world, last).remedies;
    expect(add).toMatchObject({ kind: 'add-agents', count: agents });
    heed(world, add!);
    expect(explained(world, last).phase).toBe('leased');
  });

  it('come with the limit that has to be raised for them, and with none where there is room', () => {
    const world = worldOf();
    for (let i = 0; i < 4; i++) world.given(fact.queued(`q${i}`, { requests: { slots: 1_000 } }));
    world.settle();
    const [add] = why(world, 'q3').remedies;
    expect(add).toMatchObject({ kind: 'add-agents', count: 4, maxAgents: null });
    world.input(command('tenant.set-limits', { limits: { ...roomy, max_agents: 3 } }));
    const [beyond] = why(world, 'q3').remedies;
    expect(beyond).toMatchObject({ kind: 'add-agents', count: 4, maxAgents: 4 });
    heed(world, beyond!);
    expect(explained(world, 'q3').phase).toBe('leased');
  });

  it('are not slots that its own agent cannot have', () => {
    const world = worldOf(['a1', { slots: 1_000 }]);
    for (let i = 0; i < 3; i++)
      world.given(fact.queued(`q${i}`, { agent_id: 'a1', requests: { slots: 600 } }));
    world.settle();
    expect(why(world, 'q2').remedies).toEqual([{ kind: 'end-tasks', taskIds: ['q0', 'q1'], more: 0 }]);
  });
});

it('names who has the key first, says how many more there are, and names them when they are all that is left', () => {
  const world = worldOf(['a1', { slots: 9 }]);
  const concurrency = { key: 'k', max: 1, strategy: 'queue' as const };
  for (let i = 0; i < 71; i++)
    world.given(fact.queued(`q${i}`, { concurrency, priority: i === 70 ? 9 : i % 9 }));
  world.settle();
  const [first] = why(world, 'q70').remedies;
  expect(why(world, 'q70')).toMatchObject({ rule: 'concurrency_key', heldByMore: 6 });
  expect(first).toMatchObject({ kind: 'end-tasks', more: 6 });
  expect(named(first).slice(0, 3)).toEqual(['q0', 'q9', 'q18']);
  heed(world, first!);
  const [second] = why(world, 'q70').remedies;
  expect(second).toMatchObject({ kind: 'end-tasks', more: 0 });
  expect(named(second)).toHaveLength(6);
  heed(world, second!);
  expect(explained(world, 'q70').phase).toBe('leased');
});

it('says why a task was not let in, to whoever owns it next as well', () => {
  const world = worldOf();
  world.input(command('tenant.set-limits', { limits: { ...roomy, max_queued_tasks: 0 } }));
  world.input(command('task.submit', { task_id: 'x', kind: 'adhoc', spec: spec() } as never));
  const ended = { phase: 'ended', end: 'rejected', reason: 'quota_queued_tasks' };
  expect(explained(world, 'x')).toMatchObject(ended);
  world.state = world.context.deserialize(world.context.serialize(world.state))!;
  expect(explained(world, 'x')).toMatchObject(ended);
});
