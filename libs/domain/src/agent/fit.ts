import { type Requests } from '@fluxforge/events/catalogue';
import { freeSlots, standingRefusal, type Agent } from './agent.js';

/**
 * Whether a run fits on an agent: its slots and, where the agent says what it has, CPU and memory. A resource of
 * which the agent says nothing is not limited there, and a run that asks for nothing takes one slot.
 */
export function slotsOf(requests: Requests | undefined): number {
  return requests?.slots ?? 1;
}

/** The run began to count against the agent, whatever room it has: a lease that is in the log counts. */
export function occupy(agent: Agent, taskId: string, requests: Requests | undefined): void {
  if (agent.leases.has(taskId)) return;
  agent.leases.add(taskId);
  carry(agent, requests, 1);
}

/** False when the agent did not have it. */
export function vacate(agent: Agent, taskId: string, requests: Requests | undefined): boolean {
  if (!agent.leases.delete(taskId)) return false;
  carry(agent, requests, -1);
  return true;
}

function carry({ load }: Agent, requests: Requests | undefined, sign: 1 | -1): void {
  load.slots += sign * slotsOf(requests);
  load.cpuMillis += sign * (requests?.cpu_millis ?? 0);
  load.memoryBytes += sign * (requests?.memory_bytes ?? 0);
}

/** Whether the agent could take it if it had nothing else to do. */
export function couldFit({ slots, capacity }: Agent, requests: Requests | undefined): boolean {
  if (!requests) return true;
  const { cpu_millis = 0, memory_bytes = 0 } = requests;
  return (
    slotsOf(requests) <= slots &&
    cpu_millis <= (capacity?.cpu_millis ?? Infinity) &&
    memory_bytes <= (capacity?.memory_bytes ?? Infinity)
  );
}

/** Whether it can take it beside what it has. */
export function fits(agent: Agent, requests: Requests | undefined): boolean {
  const free = freeSlots(agent);
  if (!requests) return free > 0;
  return slotsOf(requests) <= free && hasResources(agent, requests);
}

/** The same, for the task that its room is kept for. */
export function fitsKept(agent: Agent, requests: Requests | undefined): boolean {
  return !standingRefusal(agent) && hasRoom(agent, requests);
}

/** Whether it would fit beside what runs there, whatever keeps leases away. */
export function hasRoom(agent: Agent, requests: Requests | undefined): boolean {
  return slotsOf(requests) <= agent.slots - agent.load.slots && hasResources(agent, requests);
}

/** CPU and memory alone. */
export function hasResources({ capacity, load }: Agent, requests: Requests | undefined): boolean {
  if (!requests || !capacity) return true;
  const { cpu_millis = 0, memory_bytes = 0 } = requests;
  // What asks for none of a resource is not kept out where others have taken too much of it.
  return (
    (cpu_millis === 0 || load.cpuMillis + cpu_millis <= (capacity.cpu_millis ?? Infinity)) &&
    (memory_bytes === 0 || load.memoryBytes + memory_bytes <= (capacity.memory_bytes ?? Infinity))
  );
}
