import { fits, suits, type Agent } from '@fluxforge/domain/agent';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { FreeAgents, type Pick } from './free-agents.js';
import { closedGate, type GateRule } from './gates.js';
import { BlockedGroups, Groups, ParkedGroups, type PlacementGroup } from './placement-group.js';

export interface Choice extends Pick {
  readonly task: Task;
}

/**
 * Where a task stands among those of its tenant: its priority, less one for every `agingMs` it has waited.
 * All grow older at one pace, so the order between two tasks never changes and a heap can keep it.
 */
export function rankOf(task: Task, agingMs: number): number {
  return task.spec.priority * agingMs + task.readyAtMs;
}

export function effectivePriority(task: Task, agingMs: number, nowMs: number): number {
  return task.spec.priority - Math.max(0, nowMs - task.readyAtMs) / agingMs;
}

/**
 * The ready tasks of one tenant, and its agents with room. All of it is derived: from the tasks, the agents
 * and the sessions. `choose` moves groups between open and blocked, which changes no answer.
 */
export class TenantQueue {
  private readonly groups = new Groups();
  private readonly groupOf = new Map<Task, PlacementGroup>();
  private readonly open = new PriorityQueue<PlacementGroup>();
  private readonly blocked = new BlockedGroups();
  private readonly parked = new ParkedGroups();
  private readonly free = new FreeAgents();

  constructor(
    private readonly agingMs: number,
    private readonly agents: ReadonlyMap<string, Agent>,
    private readonly gateRules: () => readonly GateRule[],
  ) {}

  get readyTasks(): number {
    return this.groupOf.size;
  }

  /** Something here may fit somewhere. */
  get hasOpen(): boolean {
    return this.open.size > 0;
  }

  has(task: Task): boolean {
    return this.groupOf.has(task);
  }

  add(task: Task): void {
    const group = this.groups.of(task);
    group.ready.set(task, rankOf(task, this.agingMs), task.order);
    this.groupOf.set(task, group);
    if (!group.blocked && group.parkedAt === null) this.reopen(group);
  }

  /** What was closed under this name may be open now: whoever waits there is looked at again. */
  openGate(gate: string): void {
    for (const group of this.parked.at(gate)) {
      this.parked.delete(group);
      this.reopen(group);
    }
  }

  remove(task: Task): void {
    const group = this.groupOf.get(task);
    if (!group) return;
    this.groupOf.delete(task);
    group.ready.delete(task);
    if (group.ready.size > 0) {
      if (!group.blocked && group.parkedAt === null) this.reopen(group);
      return;
    }
    this.open.delete(group);
    this.blocked.delete(group);
    this.parked.delete(group);
    this.groups.delete(group);
  }

  /** The agent's standing, load, session or labels are new. */
  agentChanged(agent: Agent, relabelled: boolean): void {
    if (relabelled) this.free.relabel(agent);
    const { had, has } = this.free.refresh(agent);
    if (has === 0) return;
    if (relabelled || had === 0) this.unblockFor(agent, false);
    else if (has > had) this.unblockFor(agent, true);
  }

  agentRemoved(agent: Agent): void {
    this.free.remove(agent);
  }

  /** The next lease, or null: nothing ready fits anywhere. */
  choose(): Choice | null {
    for (let group = this.open.peek(); group; group = this.open.peek()) {
      const closed = closedGate(this.gateRules(), group);
      if (closed) {
        this.open.delete(group);
        this.parked.add(group, closed.gate);
        continue;
      }
      const pick = this.pick(group);
      if (pick) return { task: group.ready.peek()!, ...pick };
      this.open.delete(group);
      this.blocked.add(group);
    }
    return null;
  }

  private pick(group: PlacementGroup): Pick | null {
    if (group.agentId === null) return this.free.pick(group.wish, group);
    const agent = this.agents.get(group.agentId);
    if (!agent || !fits(agent, group.requests) || !suits(agent, group.executor, group.selector)) return null;
    return { agent, candidates: 1 };
  }

  private unblockFor(agent: Agent, demanding: boolean): void {
    for (const group of this.blocked.candidates(agent.id, agent.labels, demanding)) {
      if (!fits(agent, group.requests) || !suits(agent, group.executor, group.selector)) continue;
      this.blocked.delete(group);
      this.reopen(group);
    }
  }

  private reopen(group: PlacementGroup): void {
    const { ready } = group;
    this.open.set(group, ready.peekRank(), ready.peekTie());
  }
}
