import { couldFit, standingRefusal, suits, type Agent } from '@fluxforge/domain/agent';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { type PlacementGroup } from './placement-group.js';

interface Kept {
  readonly group: PlacementGroup;
  readonly task: Task;
  readonly agent: Agent;
}

/**
 * Room for a task that asks for more than comes free at once. Smaller tasks of its tenant would take each slot as it
 * is freed, however old it grew. So when it has waited one step of aging beyond the top, one agent that can take it is
 * kept for it: nothing else is leased there until it fits, which is when enough of what runs there has ended. One agent
 * of a tenant at a time, for the one that is due first; where none could take it, it is looked at again a step later.
 *
 *   watched -- due, an agent could take it --> kept -- leased, or one of both has changed --> (gone, or watched)
 */
export class Keeper {
  private readonly due = new PriorityQueue<PlacementGroup>();
  private kept: Kept | null = null;

  constructor(private readonly agingMs: number) {}

  /** When there is something to keep; infinity while an agent is kept, or nobody waits so. */
  get dueAtMs(): number {
    return this.kept ? Infinity : this.due.peekRank();
  }

  /** The group is blocked, or the first of its tasks is another one. */
  watch(group: PlacementGroup): void {
    if (!group.requests) return;
    const { kept } = this;
    if (kept?.group !== group) {
      this.due.set(group, group.ready.peekRank() + this.agingMs, group.ready.peekTie());
      return;
    }
    // What is more urgent and asks for the same takes over what is kept.
    const task = group.ready.peek()!;
    this.kept = { ...kept, task };
    kept.agent.keptFor = task.id;
  }

  unwatch(group: PlacementGroup): void {
    this.due.delete(group);
  }

  /** The agent that is kept for this group. */
  agentFor(group: PlacementGroup): Agent | null {
    return this.kept?.group === group && this.kept.task === group.ready.peek() ? this.kept.agent : null;
  }

  /** The group that this agent is kept for. */
  groupAt(agent: Agent): PlacementGroup | null {
    return this.kept?.agent === agent ? this.kept.group : null;
  }

  /** Whether what is kept is still of use to whom it is kept for. */
  get stands(): boolean {
    if (!this.kept) return false;
    const { agent, group, task } = this.kept;
    return task === group.ready.peek() && couldTake(agent, group);
  }

  isFor(task: Task): boolean {
    return this.kept?.task === task;
  }

  /** Lets go. Answers the agent that is free again. */
  release(): Agent | null {
    const agent = this.kept?.agent ?? null;
    this.kept = null;
    if (agent) agent.keptFor = null;
    return agent;
  }

  /** Looks for an agent for whoever is due first. Answers the one that is kept from now on. */
  keep(agents: ReadonlyMap<string, Agent>, nowMs: number): Agent | null {
    if (this.dueAtMs > nowMs) return null;
    const group = this.due.peek()!;
    const task = group.ready.peek()!;
    const agent = nearest(group, agents);
    if (!agent) {
      this.due.set(group, nowMs + this.agingMs, group.ready.peekTie());
      return null;
    }
    this.due.delete(group);
    this.kept = { group, task, agent };
    agent.keptFor = task.id;
    return agent;
  }
}

/** Once enough of what runs there has ended. */
function couldTake(agent: Agent, { executor, selector, requests }: PlacementGroup): boolean {
  return !standingRefusal(agent) && suits(agent, executor, selector) && couldFit(agent, requests);
}

/** Of those that could take it, the one with most slots free; among equals the one that enrolled first. */
function nearest(group: PlacementGroup, agents: ReadonlyMap<string, Agent>): Agent | null {
  const named = group.agentId === null ? undefined : agents.get(group.agentId);
  const from = group.agentId === null ? agents.values() : named ? [named] : [];
  let best: Agent | null = null;
  for (const agent of from) {
    if (!couldTake(agent, group)) continue;
    const more = best ? freeOf(agent) - freeOf(best) : 1;
    if (more > 0 || (more === 0 && best && agent.order < best.order)) best = agent;
  }
  return best;
}

function freeOf(agent: Agent): number {
  return agent.slots - agent.load.slots;
}
