import { type Requests } from '@fluxforge/events/catalogue';
import { couldFit, slotsOf, standingRefusal, suits, type Agent } from '@fluxforge/domain/agent';
import { runOverMs, type Task } from '@fluxforge/domain/task';
import { type PlacementGroup } from './placement-group.js';

export interface Nearest {
  /** Null: none could take it that is not kept for others. */
  readonly agent: Agent | null;
  /** One that is kept for others could. */
  readonly isOutbid: boolean;
  /** Agents of the tenant that may be given leases, whatever for. */
  readonly able: number;
}

/** When an agent would have room for what is asked, and how much has to come free for that. */
interface Distance {
  /** By the time limits of what runs there; infinity where that has none. */
  readonly roomAtMs: number;
  /**
   * That, in doublings of a step of aging: what a run may take says little of what it takes, so that only another
   * order of magnitude counts for more than how much has to come free.
   */
  readonly doublings: number;
  /** The sum of the shares of what is asked for that are taken. */
  readonly lack: number;
}

/** Once enough of what runs there has ended. */
export function couldTake(agent: Agent, { agentId, executor, selector, requests }: PlacementGroup): boolean {
  if (agentId !== null && agentId !== agent.id) return false;
  return !standingRefusal(agent) && suits(agent, executor, selector) && couldFit(agent, requests);
}

/**
 * Of those that could take it, the one that will have room soonest, then the one that lacks least; among equals the
 * one it has, or the oldest. It leaves the one it has for none that may have room later: so it waits no longer than
 * it would have there.
 */
export class AgentSearch {
  constructor(
    private readonly agents: ReadonlyMap<string, Agent>,
    private readonly tasks: ReadonlyMap<string, Task>,
    private readonly agingMs: number,
  ) {}

  /** Once over all agents and what runs on those that could take it. */
  nearest(group: PlacementGroup, present: Agent | null, nowMs: number): Nearest {
    let best = present;
    let least = present && this.distance(present, group.requests, nowMs);
    const latestMs = least?.roomAtMs ?? Infinity;
    let isOutbid = false;
    let able = 0;
    for (const agent of this.agents.values()) {
      if (standingRefusal(agent)) continue;
      able += 1;
      if (agent === present || !couldTake(agent, group)) continue;
      if (agent.keptFor !== null) {
        isOutbid = true;
        continue;
      }
      const distance = this.distance(agent, group.requests, nowMs);
      if (distance.roomAtMs > latestMs) continue;
      const order = least ? compare(distance, least) : -1;
      if (order > 0 || (order === 0 && (best === present || agent.order > best!.order))) continue;
      best = agent;
      least = distance;
    }
    return { agent: best, isOutbid, able };
  }

  private distance(agent: Agent, requests: Requests | undefined, nowMs: number): Distance {
    const short = shortageOf(agent, requests);
    const roomAtMs = comesFreeAtMs(agent, short, this.tasks, nowMs);
    const steps = (roomAtMs - nowMs) / this.agingMs;
    return { roomAtMs, doublings: Math.ceil(Math.log2(Math.max(1, steps))), lack: lackOf(short, requests) };
  }
}

/** When the agent has room for what is asked, by the time limits of what runs there; infinity where that has none. */
export function roomAtMs(
  agent: Agent,
  requests: Requests | undefined,
  tasks: ReadonlyMap<string, Task>,
  nowMs: number,
): number {
  return comesFreeAtMs(agent, shortageOf(agent, requests), tasks, nowMs);
}

/** By when the runs that end first have left as much as it is short of. */
function comesFreeAtMs(
  agent: Agent,
  short: Amounts,
  tasks: ReadonlyMap<string, Task>,
  nowMs: number,
): number {
  let { slots, cpuMillis, memoryBytes } = short;
  if (slots <= 0 && cpuMillis <= 0 && memoryBytes <= 0) return nowMs;
  const runs = [...agent.leases].map((id) => tasks.get(id)!);
  runs.sort((a, b) => compareTimes(runOverMs(a), runOverMs(b)));
  for (const run of runs) {
    const { requests } = run.spec;
    slots -= slotsOf(requests);
    cpuMillis -= requests?.cpu_millis ?? 0;
    memoryBytes -= requests?.memory_bytes ?? 0;
    if (slots <= 0 && cpuMillis <= 0 && memoryBytes <= 0) return Math.max(nowMs, runOverMs(run));
  }
  return Infinity;
}

function compare(a: Distance, b: Distance): number {
  return a.doublings === b.doublings ? a.lack - b.lack : a.doublings < b.doublings ? -1 : 1;
}

/** Infinity is as late as infinity. */
function compareTimes(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

type Amounts = Agent['load'];

function shortageOf({ slots, capacity, load }: Agent, requests: Requests | undefined): Amounts {
  const { cpu_millis = 0, memory_bytes = 0 } = requests ?? {};
  const short = (wanted: number, free: number): number => (wanted === 0 ? 0 : Math.max(0, wanted - free));
  return {
    slots: short(slotsOf(requests), slots - load.slots),
    cpuMillis: short(cpu_millis, (capacity?.cpu_millis ?? Infinity) - load.cpuMillis),
    memoryBytes: short(memory_bytes, (capacity?.memory_bytes ?? Infinity) - load.memoryBytes),
  };
}

/** Of a resource that is overdrawn, all that is asked for is lacking, and no more. */
function lackOf(short: Amounts, requests: Requests | undefined): number {
  const { cpu_millis = 0, memory_bytes = 0 } = requests ?? {};
  const share = (missing: number, wanted: number): number =>
    wanted === 0 ? 0 : Math.min(missing, wanted) / wanted;
  return (
    share(short.slots, slotsOf(requests)) +
    share(short.cpuMillis, cpu_millis) +
    share(short.memoryBytes, memory_bytes)
  );
}
