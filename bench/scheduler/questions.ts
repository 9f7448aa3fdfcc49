import { queueIn, simulate, simulationBounds, type SimulationEnd } from '@fluxforge/domain/tasks-context';
import { quantiles } from '../support/clock.js';
import { Partition } from './partition.js';

/**
 * What a question takes of the thread that leads the partition. Owners go through its steps in slices of some
 * milliseconds, so no piece is longer than a slice and its longest step.
 */
export interface QuestionCost {
  readonly question: string;
  readonly tasks: number;
  readonly agents: number;
  /** All of its steps. */
  readonly wholeMs: number;
  /** The longest step that there is: what cannot be put off. */
  readonly longestStepMs: number;
}

type Steps = Generator<void, unknown>;

const tenant = 'ten_0';
const times = 5;

/** In processor time, the middle of some runs. */
function costOf(question: string, size: Size, ask: () => Steps): QuestionCost {
  const whole: number[] = [];
  const longest: number[] = [];
  for (let i = 0; i < times; i++) {
    const steps = ask();
    let sumMs = 0;
    let longestMs = 0;
    for (let done = false; !done;) {
      const from = process.cpuUsage();
      done = steps.next().done === true;
      const { user, system } = process.cpuUsage(from);
      const stepMs = (user + system) / 1000;
      sumMs += stepMs;
      longestMs = Math.max(longestMs, stepMs);
    }
    whole.push(sumMs);
    longest.push(longestMs);
  }
  return { question, ...size, wholeMs: quantiles(whole).p50, longestStepMs: quantiles(longest).p50 };
}

interface Size {
  readonly tasks: number;
  readonly agents: number;
}

const inZone = { selector: [{ key: 'zone', op: 'in', values: ['a'] }] };

/** All in one tenant: half of the tasks name their agent, all agents are full. */
function filled({ tasks, agents }: Size, over: object = {}): Partition {
  const partition = new Partition();
  partition.addTenant(tenant);
  for (let a = 0; a < agents; a++) partition.addAgent(tenant, { id: `agt_${a}`, labels: { zone: 'a' } });
  for (let n = 0; n < tasks; n++) {
    const priority = (n * 7) % 10;
    const where = n % 2 === 0 ? inZone : { agent_id: `agt_${n % agents}` };
    partition.queue(tenant, n, { priority, ...where, ...over });
  }
  while (partition.decideOne());
  return partition;
}

/** Of the task that is served last, where there is most to say. */
function explaining({ context, state }: Partition): () => Steps {
  const tasks = [...state.realms.get(tenant)!.tasks.values()].filter(({ lease }) => !lease);
  const last = tasks.reduce((a, b) => (b.spec.priority >= a.spec.priority ? b : a));
  return () => context.explain(state, tenant, last.id, state.lastFactMs);
}

function simulating({ context, state }: Partition): () => Generator<void, SimulationEnd> {
  const changes = { drain: ['agt_0'], undrain: [], tasks: [] };
  return () => simulate(state, context.policy, tenant, changes, state.lastFactMs);
}

export function questionCosts(): QuestionCost[] {
  const size = { tasks: 500_000, agents: 10_000 };
  const large = filled(size);
  const keyed = filled(size, { concurrency: { key: 'k', max: 1, strategy: 'queue' } });
  const half = { tasks: simulationBounds.tenantSize / 2, agents: simulationBounds.tenantSize / 2 };
  return [
    costOf('explain, agents full', size, explaining(large)),
    costOf('explain, one key', size, explaining(keyed)),
    costOf('queue', size, () => queueIn(large.state, tenant, large.state.lastFactMs)),
    costOf('simulate', half, simulating(filled(half))),
  ];
}
