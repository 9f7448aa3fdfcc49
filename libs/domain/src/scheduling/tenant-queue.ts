import { fits, fitsKept, suits, type Agent } from '@fluxforge/domain/agent';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { BlockedGroups } from './blocked-groups.js';
import { FreeAgents, type Pick } from './free-agents.js';
import { closedGate, type GateRule } from './gates.js';
import { Keeper, type Keeping, type KeepingPolicy } from './keeper.js';
import { AgentSearch, couldTake } from './nearest-agent.js';
import { ParkedLanes } from './lanes.js';
import { Openings, type Looks } from './openings.js';
import { Groups, TurnGroups, type GroupLane, type PlacementGroup } from './placement-group.js';

export interface Choice extends Pick {
  readonly task: Task;
}

/** At one moment: it holds nothing that moves on. */
export type QueueStanding = Keeping;

/**
 * The ready tasks of one tenant, and its agents with room. All of it is derived: from the tasks, the agents
 * and the sessions. `choose` blocks and opens groups and parks lanes, which changes no answer.
 */
export class TenantQueue {
  private readonly groups: Groups;
  /** Groups that are not blocked and have an open lane, by the first task of it. */
  private readonly open = new PriorityQueue<PlacementGroup>();
  /** Of those, the ones with open lanes whose keys take turns, by a turn at or before the next of them. */
  private readonly robins = new TurnGroups();
  private readonly free = new FreeAgents();
  private readonly blocked = new BlockedGroups(this.free);
  private readonly openings = new Openings(this.blocked);
  private readonly parked = new ParkedLanes<GroupLane>();
  private readonly keeper: Keeper;
  private ready = 0;

  constructor(
    { agingMs, keeping }: { readonly agingMs: number; readonly keeping: KeepingPolicy },
    private readonly agents: ReadonlyMap<string, Agent>,
    tasks: ReadonlyMap<string, Task>,
    private readonly gateRules: () => readonly GateRule[],
    private readonly turnOf: (key: string) => number,
  ) {
    this.groups = new Groups(agingMs, turnOf);
    this.keeper = new Keeper(agingMs, keeping, new AgentSearch(agents, tasks, agingMs));
  }

  get readyTasks(): number {
    return this.ready;
  }

  /** Something here may fit somewhere. */
  get hasOpen(): boolean {
    return (this.open.size > 0 || this.openings.isDue) && this.hasRoom;
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
    return task.lane !== null;
  }

  add(task: Task): void {
    if (task.lane) return;
    const lane = this.groups.of(task).laneFor(task);
    lane.ready.add(task);
    task.lane = lane;
    this.ready += 1;
    if (lane.parkedAt === null) this.place(lane);
  }

  /** What was closed under this name may be open now: whoever waits there is looked at again. */
  openGate(gate: string): void {
    for (const lane of this.parked.at(gate)) {
      this.parked.delete(lane);
      this.place(lane);
    }
  }

  remove(task: Task): void {
    const lane = task.lane as GroupLane | null;
    if (!lane) return;
    task.lane = null;
    this.ready -= 1;
    const { group } = lane;
    const released = group.kept && group.first === task ? this.keeper.release(group) : null;
    lane.ready.delete(task);
    if (lane.ready.size === 0) this.drop(lane);
    else if (lane.parkedAt === null) this.place(lane);
    if (released) this.agentChanged(released, false);
  }

  /** The lane is open, and its first task may be another one. */
  private place(lane: GroupLane): void {
    lane.group.place(lane);
    this.settle(lane.group);
  }

  private drop(lane: GroupLane): void {
    const { group } = lane;
    this.parked.delete(lane);
    group.drop(lane);
    this.settle(group);
    if (!group.isEmpty) return;
    this.unblock(group);
    this.groups.delete(group);
  }

  /** Its open lanes are others, or another one is the first of them. */
  private settle(group: PlacementGroup): void {
    const { rank, tie, turns } = group;
    this.openings.settled(group);
    if (group.blocked || group.kept) this.keeper.watch(group);
    if (group.blocked || rank === Infinity) return this.shut(group);
    this.open.set(group, rank, tie);
    this.robins.delete(group);
    if (turns && turns.size > 0) this.robins.add(group);
  }

  /** The agent's standing, load, session or labels are new. */
  agentChanged(agent: Agent, relabelled: boolean): void {
    if (relabelled) this.free.relabel(agent);
    const keptFor = this.keeper.groupAt(agent);
    if (keptFor && !couldTake(agent, keptFor)) this.keeper.release(keptFor);
    else if (keptFor?.blocked && fitsKept(agent, keptFor.requests)) this.unblock(keptFor);
    const { had, has } = this.free.refresh(agent);
    if (has === 0) return;
    if (relabelled || has > had) this.openings.add(agent, had > 0 && !relabelled);
  }

  /** All that have this label, whether there is room on them or not. */
  agentsWith(key: string, value: string): readonly Agent[] {
    return this.free.withLabel(key, value);
  }

  agentRemoved(agent: Agent): void {
    const keptFor = this.keeper.groupAt(agent);
    if (keptFor) this.keeper.release(keptFor);
    this.free.remove(agent);
    this.openings.remove(agent);
  }

  /** Keeps an agent for the task that has waited too long for one with enough room, if one could take it. */
  keep(nowMs: number): void {
    this.sortOut(nowMs);
    for (const agent of this.keeper.keep(nowMs)) this.agentChanged(agent, false);
  }

  /** What is kept here now, for `keepLike`. */
  get standing(): QueueStanding {
    return this.keeper.standing;
  }

  /** Keeps what the queue kept that the tasks and agents of this one are copied from. */
  keepLike(standing: QueueStanding): void {
    const kept = this.keeper.adopt(standing, (group) => this.groups.like(group), this.agents);
    for (const agent of kept) this.agentChanged(agent, false);
  }

  /** What is blocked is not looked at: its first tasks may wait at a gate by now, or fit and be next but one. */
  private sortOut(nowMs: number): void {
    for (let group = this.keeper.groupDue(nowMs); group; group = this.keeper.groupDue(nowMs)) {
      const lane = group.open.peek()!;
      if (this.park(lane)) continue;
      if (!this.pick(group, lane.ready.peek()!)) return;
      this.unblock(group);
    }
  }

  /**
   * The next lease, or null: nothing ready fits anywhere or, with all looks used up, that is not known yet. Then
   * `hasOpen` still holds.
   */
  choose(looks: Looks): Choice | null {
    if (!this.hasRoom) return null;
    for (let group = this.openings.next(looks); group; group = this.openings.next(looks)) this.unblock(group);
    for (let lane = this.next(); lane; lane = this.next()) {
      if (looks.left-- <= 0) return null;
      if (this.park(lane)) continue;
      const task = lane.ready.peek()!;
      const pick = this.pick(lane.group, task);
      if (pick) return { task, ...pick };
      this.block(lane.group);
    }
    return null;
  }

  /**
   * That of the most urgent task. If its key takes turns with others, that of the most urgent task of the key whose turn
   * it is: they share the place of the most urgent among them.
   */
  private next(): GroupLane | undefined {
    const first = this.open.peek()?.open.peek();
    if (!takesTurns(first?.concurrency)) return first;
    for (;;) {
      const group = this.robins.peek()!;
      const lane = group.turns!.peek()!;
      if (this.turnOf(lane.concurrency!.key) === group.turns!.peekRank()) return lane;
      this.place(lane);
    }
  }

  /** Whether a gate is closed to it. */
  private park(lane: GroupLane): boolean {
    const closed = closedGate(this.gateRules(), lane);
    if (!closed) return false;
    const { group } = lane;
    group.shut(lane);
    this.parked.add(lane, closed.gate);
    this.settle(group);
    const released = group.open.size === 0 ? this.keeper.release(group) : null;
    if (released) this.agentChanged(released, false);
    return true;
  }

  private block(group: PlacementGroup): void {
    this.blocked.add(group);
    this.settle(group);
  }

  private shut(group: PlacementGroup): void {
    this.open.delete(group);
    this.robins.delete(group);
  }

  private pick(group: PlacementGroup, task: Task): Pick | null {
    const { kept } = group;
    if (kept && fitsKept(kept, group.requests)) {
      kept.keptFor = task.id;
      return { agent: kept, candidates: 1 };
    }
    if (group.agentId === null) return this.free.pick(group.wish, group);
    const agent = this.agents.get(group.agentId);
    if (!agent || !fits(agent, group.requests) || !suits(agent, group.executor, group.selector)) return null;
    return { agent, candidates: 1 };
  }

  private unblock(group: PlacementGroup): void {
    this.blocked.delete(group);
    this.keeper.unwatch(group);
    this.settle(group);
  }
}
