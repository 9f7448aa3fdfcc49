import fc from 'fast-check';
import { BreakerBook, defaultBreakers } from '@fluxforge/domain/breakers';
import { type Selector } from '@fluxforge/events/catalogue';
import { fits, freeSlots, newAgent, occupy, suits, vacate, type Agent } from '@fluxforge/domain/agent';
import { fact } from '../tasks-context/scenario.fixture.js';
import { FreeAgents, needsOf, wishText, type Sought, type Wish } from './free-agents.js';

/** The rule, without an index. */
function bestOf(agents: Iterable<Agent>, wish: Wish) {
  const fitting = [...agents].filter(
    (agent) => fits(agent, wish.requests) && suits(agent, wish.executor, wish.selector),
  );
  const sign = wish.placement === 'pack' ? -1 : 1;
  fitting.sort((a, b) => sign * (freeSlots(b) - freeSlots(a)) || a.order - b.order);
  return fitting[0] ? { agent: fitting[0], candidates: fitting.length } : null;
}

/** More kinds of wish than there are lines, rare and common ones. */
function wishOf(kind: number): Sought {
  const executor = kind % 7 === 0 ? 'noop' : 'shell';
  const selectors: Selector[] = [
    [],
    [{ key: 'zone', op: 'in', values: [`z${kind % 3}`] }],
    [{ key: 'host', op: 'in', values: [`h${kind}`, `h${kind + 1}`] }],
    [{ key: `absent-${kind}`, op: 'not-exists', values: [] }],
    [{ key: 'host', op: 'not-in', values: [`h${kind}`] }],
    [
      { key: 'zone', op: 'exists', values: [] },
      { key: 'host', op: 'not-in', values: [`h${kind + 2}`] },
    ],
  ];
  const requests = [undefined, { slots: 2 }, { cpu_millis: 700 }, { slots: 2, memory_bytes: 40 }][kind % 4];
  const placement = kind % 5 < 2 ? 'pack' : 'spread';
  const selector = selectors[kind % selectors.length]!;
  return { executor, selector, needs: needsOf(selector), requests, placement };
}

const step = fc.record({
  act: fc.constantFrom('load', 'unload', 'drain', 'relabel', 'remove', 'enrol', 'pick', 'pick', 'pick'),
  agent: fc.nat({ max: 79 }),
  kind: fc.nat({ max: 119 }),
});

/** Of each run that an agent has. */
const load = { cpu_millis: 400, memory_bytes: 30 };

function capacityOf(id: number) {
  return [{}, { cpu_millis: 1_000 }, { cpu_millis: 2_000, memory_bytes: 60 }][id % 3]!;
}

function enrol(agents: Map<number, Agent>, free: FreeAgents, id: number): void {
  if (agents.has(id)) return;
  const labels = { zone: `z${id % 3}`, host: `h${id}` };
  const executors = id % 5 === 0 ? (['noop', 'shell'] as const) : (['shell'] as const);
  const { data } = fact.agent(`a${id}`, {
    labels,
    slots: 1 + (id % 3),
    capacity: capacityOf(id),
    executors: [...executors],
  });
  const agent = newAgent(data, 't', id, new BreakerBook('t', defaultBreakers));
  agent.standing = 'found';
  agent.session = { id: 's', stopping: false };
  agents.set(id, agent);
  free.relabel(agent);
  free.refresh(agent);
}

function change(agents: Map<number, Agent>, free: FreeAgents, agent: Agent, act: string): void {
  if (act === 'load' && freeSlots(agent) > 0) occupy(agent, `x${agent.leases.size}`, load);
  if (act === 'unload') vacate(agent, `x${agent.leases.size - 1}`, load);
  if (act === 'drain') agent.draining = !agent.draining;
  if (act === 'relabel') {
    agent.labels = { zone: `z${(agent.order + agent.leases.size) % 3}` };
    free.relabel(agent);
  }
  if (act === 'remove') {
    agents.delete(agent.order);
    free.remove(agent);
  } else free.refresh(agent);
}

describe('free agents', () => {
  it('give what a look at all agents would give, whichever lines are kept', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
        const agents = new Map<number, Agent>();
        const free = new FreeAgents();
        for (let id = 0; id < 80; id++) enrol(agents, free, id);
        for (const { act, agent: id, kind } of steps) {
          const agent = agents.get(id);
          if (act === 'enrol') enrol(agents, free, id);
          else if (act !== 'pick' && agent) change(agents, free, agent, act);
          const wish = wishOf(kind);
          const found = free.pick(wishText(wish), wish);
          const expected = bestOf(agents.values(), wish);
          expect(found?.agent.id).toBe(expected?.agent.id);
          expect(found?.candidates).toBe(expected?.candidates);
        }
      }),
      { numRuns: 60 },
    );
  });
});
