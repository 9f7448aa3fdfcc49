import { fits, fitsKept, suits, type Agent } from '@fluxforge/domain/agent';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { FreeAgents, type Pick } from './free-agents.js';
import { closedGate, type GateRule } from './gates.js';
import { Keeper } from './keeper.js';
import { BlockedGroups, Groups, ParkedGroups, type PlacementGroup } from './placement-group.js';

export interface Choice extends Pick {
  readonly task: Task;
}

/**
 * The ready tasks of one tenant, and its agents with room. All of it is derived: from the tasks, the agents
 * and the sessions. `choose` moves groups between open and blocked, which changes no answer.
 */
export class TenantQueue {
  private readonly groups: Groups;
  private readonly open = new PriorityQueue<PlacementGroup>();
  /** Of the open ones, those whose keys take turns, by a turn at or before that of the key. */
  private readonly robins = new PriorityQueue<PlacementGroup>();
  private readonly blocked = new BlockedGroups();
  private readonly parked = new ParkedGroups();
  private readonly free = new FreeAgents();
  private readonly keeper: Keeper;
  private ready = 0;

  constructor(
    agingMs: number,
    private readonly agents: ReadonlyMap<string, Agent>,
    private readonly gateRules: () => readonly GateRule[],
    private readonly turnOf: (key: string) => number,
  ) {
    this.groups = new Groups(agingMs);
    this.keeper = new Keeper(agingMs);
  }

  get readyTasks(): number {
    return this.ready;
  }

  /** Something here may fit somewhere. */
  get hasOpen(): boolean {
    return this.open.size > 0 && this.hasRoom;
  }

  /** Without any, what is open is left as it is: to find out one by one that it fits nowhere would cost as much as there is. */
  private get hasRoom(): boolean {
    return this.free.hasRoom || this.keeper.isReady;
  }

  /** When an agent may have to be kept for a task that fits nowhere; never too late. */
  get keepAtMs(): number {
    return this.keeper.dueAtMs;
  }

  has(task: Task): boolean {
    return task.group !== null;
  }

  add(task: Task): void {
    if (task.group) return;
    const group = this.groups.of(task);
    group.ready.add(task);
    task.group = group;
    this.ready += 1;
    if (group.blocked || this.keeper.agentFor(group)) this.keeper.watch(group);
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
    const group = task.group as PlacementGroup | null;
    if (!group) return;
    task.group = null;
    this.ready -= 1;
    const released = this.keeper.isFor(task) ? this.keeper.release() : null;
    group.ready.delete(task);
    this.removed(group);
    if (released) this.agentChanged(released, false);
  }

  private removed(group: PlacementGroup): void {
    if (group.ready.size > 0) {
      if (group.blocked) this.keeper.watch(group);
      else if (group.parkedAt === null) this.reopen(group);
      return;
    }
    this.shut(group);
    this.unblock(group);
    this.parked.delete(group);
    this.groups.delete(group);
  }

  /** The agent's standing, load, session or labels are new. */
  agentChanged(agent: Agent, relabelled: boolean): void {
    if (relabelled) this.free.relabel(agent);
    const keptFor = this.keeper.groupAt(agent);
    if (keptFor && !this.keeper.stands) {
      this.keeper.release();
      if (keptFor.blocked) this.keeper.watch(keptFor);
    } else if (keptFor?.blocked && fitsKept(agent, keptFor.requests)) {
      this.unblock(keptFor);
      this.reopen(keptFor);
    }
    const { had, has } = this.free.refresh(agent);
    if (has === 0) return;
    if (relabelled || had === 0) this.unblockFor(agent, false);
    else if (has > had) this.unblockFor(agent, true);
  }

  /** All that have this label, whether there is room on them or not. */
  agentsWith(key: string, value: string): readonly Agent[] {
    return this.free.withLabel(key, value);
  }

  agentRemoved(agent: Agent): void {
    const keptFor = this.keeper.groupAt(agent);
    if (keptFor) this.keeper.release();
    if (keptFor?.blocked) this.keeper.watch(keptFor);
    this.free.remove(agent);
  }

  /** Keeps an agent for the task that has waited too long for one with enough room, if one could take it. */
  keep(nowMs: number): void {
    const before = this.keeper.agent;
    this.keeper.keep(this.agents, nowMs);
    const { agent } = this.keeper;
    if (agent === before) return;
    if (agent) this.agentChanged(agent, false);
    if (before) this.agentChanged(before, false);
  }

  private letGo(): void {
    const agent = this.keeper.release();
    if (agent) this.agentChanged(agent, false);
  }

  /** The next lease, or null: nothing ready fits anywhere. */
  choose(): Choice | null {
    if (!this.hasRoom) return null;
    for (let group = this.next(); group; group = this.next()) {
      const closed = closedGate(this.gateRules(), group);
      if (closed) {
        this.shut(group);
        this.parked.add(group, closed.gate);
        if (this.keeper.agentFor(group)) this.letGo();
        continue;
      }
      const pick = this.pick(group);
      if (pick) return { task: group.ready.peek()!, ...pick };
      this.shut(group);
      this.blocked.add(group);
      this.keeper.watch(group);
    }
    return null;
  }

  /**
   * The group of the most urgent task. If that takes turns with those of other keys, the group of the key whose turn
   * it is: they share the place of the most urgent among them.
   */
  private next(): PlacementGroup | undefined {
    const first = this.open.peek();
    if (!first || !this.robins.has(first)) return first;
    for (;;) {
      const group = this.robins.peek()!;
      const turn = this.turnOf(group.concurrency!.key);
      if (turn === this.robins.peekRank()) return group;
      this.robins.set(group, turn, group.ready.peekTie());
    }
  }

  private shut(group: PlacementGroup): void {
    this.open.delete(group);
    this.robins.delete(group);
  }

  private pick(group: PlacementGroup): Pick | null {
    const kept = this.keeper.agentFor(group);
    if (kept && fitsKept(kept, group.requests)) return { agent: kept, candidates: 1 };
    if (group.agentId === null) return this.free.pick(group.wish, group);
    const agent = this.agents.get(group.agentId);
    if (!agent || !fits(agent, group.requests) || !suits(agent, group.executor, group.selector)) return null;
    return { agent, candidates: 1 };
  }

  private unblockFor(agent: Agent, demanding: boolean): void {
    for (const group of this.blocked.candidates(agent.id, this.free.labelsIn(agent), demanding)) {
      if (!fits(agent, group.requests) || !suits(agent, group.executor, group.selector)) continue;
      this.unblock(group);
      this.reopen(group);
    }
  }

  private unblock(group: PlacementGroup): void {
    this.blocked.delete(group);
    this.keeper.unwatch(group);
  }

  private reopen(group: PlacementGroup): void {
    const { ready } = group;
    this.open.set(group, ready.peekRank(), ready.peekTie());
    const { concurrency } = group;
    if (concurrency && takesTurns(concurrency)) {
      this.robins.set(group, this.turnOf(concurrency.key), ready.peekTie());
    }
  }
}
