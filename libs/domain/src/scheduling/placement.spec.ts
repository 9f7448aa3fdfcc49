import {
  command,
  connected,
  fact,
  ok,
  result,
  worldWith,
  type World,
} from '../tasks-context/scenario.fixture.js';

/** `task@agent` of each lease. */
function leases(events: ReturnType<World['settle']>): string[] {
  return events.flatMap((event) =>
    event.type === 'task.leased' ? [`${event.data.task_id}@${event.data.agent_id}`] : [],
  );
}

function worldOf(agents: Readonly<Record<string, Parameters<typeof connected>[1]>>): World {
  const world = worldWith([]);
  for (const [id, said] of Object.entries(agents)) {
    const { slots = 2, capacity } = said ?? {};
    world.given(fact.agent(id, { slots, ...(capacity && { capacity }) }));
    world.say(connected(id, { slots, ...(capacity && { capacity }) }));
  }
  return world;
}

describe('what a run takes of its agent', () => {
  it('is one slot unless it asks for more, and all of it comes back at the end', () => {
    const world = worldOf({ a: { slots: 3 } });
    world.given(fact.queued('1', { requests: { slots: 2 } }), fact.queued('2', { requests: { slots: 2 } }));
    world.given(fact.queued('3'), fact.queued('4'));
    expect(leases(world.settle())).toEqual(['1@a', '3@a']);
    expect(leases(world.say(result('3', 'a', ok)))).toEqual(['4@a']);
    expect(leases(world.say(result('1', 'a', ok)))).toEqual(['2@a']);
  });

  it('is limited by the CPU and the memory that the agent says it has', () => {
    const world = worldOf({ a: { slots: 9, capacity: { cpu_millis: 1_000, memory_bytes: 100 } } });
    world.given(
      fact.queued('cpu', { requests: { cpu_millis: 600 } }),
      fact.queued('more-cpu', { requests: { cpu_millis: 500 } }),
      fact.queued('memory', { requests: { memory_bytes: 100 } }),
      fact.queued('more-memory', { requests: { memory_bytes: 1 } }),
      fact.queued('plain'),
    );
    expect(leases(world.settle())).toEqual(['cpu@a', 'memory@a', 'plain@a']);
    expect(leases(world.say(result('cpu', 'a', ok)))).toEqual(['more-cpu@a']);
    expect(leases(world.say(result('memory', 'a', ok)))).toEqual(['more-memory@a']);
  });

  it('is not limited by what the agent does not say', () => {
    const world = worldOf({ a: { slots: 2, capacity: { memory_bytes: 10 } } });
    world.given(fact.queued('1', { requests: { cpu_millis: 900_000 } }));
    expect(leases(world.settle())).toEqual(['1@a']);
  });

  it('waits for an agent of its size, and is leased when one says that it has grown', () => {
    const world = worldOf({ a: { slots: 2, capacity: { cpu_millis: 1_000 } } });
    world.given(fact.queued('1', { requests: { cpu_millis: 2_000 } }), fact.queued('2'));
    expect(leases(world.settle())).toEqual(['2@a']);
    const inventory = [{ taskId: '2', life: 1, attempt: 1, finished: false }];
    const grown = connected('a', { slots: 2, capacity: { cpu_millis: 4_000 }, inventory, sessionId: 's2' });
    expect(leases(world.say(grown))).toEqual(['1@a']);
  });

  it('counts after a change to fewer slots than are taken', () => {
    const world = worldOf({ a: { slots: 2 } });
    world.given(fact.queued('1', { requests: { slots: 2 } }));
    expect(leases(world.settle())).toEqual(['1@a']);
    const inventory = [{ taskId: '1', life: 1, attempt: 1, finished: false }];
    world.say(connected('a', { slots: 1, inventory, sessionId: 's2' }));
    world.given(fact.queued('2'));
    expect(leases(world.settle())).toEqual([]);
    expect(leases(world.say(result('1', 'a', ok)))).toEqual(['2@a']);
  });
});

describe('placement', () => {
  const two = { small: { slots: 2 }, large: { slots: 4 } };

  it('spreads unless told otherwise', () => {
    const world = worldOf(two);
    world.given(...['1', '2', '3', '4'].map((id) => fact.queued(id)));
    expect(leases(world.settle())).toEqual(['1@large', '2@large', '3@small', '4@large']);
  });

  it('packs: the fullest that fits', () => {
    const world = worldOf(two);
    world.given(...['1', '2', '3', '4'].map((id) => fact.queued(id, { placement: 'pack' })));
    expect(leases(world.settle())).toEqual(['1@small', '2@small', '3@large', '4@large']);
  });

  it('packs around what does not fit', () => {
    const world = worldOf(two);
    world.given(fact.queued('1', { placement: 'pack', requests: { slots: 3 } }));
    expect(leases(world.settle())).toEqual(['1@large']);
  });

  it('says that no agent will ever be large enough', () => {
    const world = worldOf(two);
    world.given(fact.queued('1', { requests: { slots: 5 } }));
    world.settle();
    world.input(command('agent.drain', { agent_id: 'large', drain: true }));
    expect(world.context.explainTask(world.state, 't', '1', world.nowMs)).toMatchObject({
      phase: 'queued',
      rule: 'requests_too_large',
    });
  });
});
