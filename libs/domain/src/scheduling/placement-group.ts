import {
  type Executor,
  type PlacementStrategy,
  type Requests,
  type Selector,
} from '@fluxforge/events/catalogue';
import { type Agent } from '@fluxforge/domain/agent';
import { takesTurns } from '@fluxforge/domain/concurrency';
import { SeatedHeap } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { needsOf, wishText, type Needs, type Sought } from './free-agents.js';
import { comesFirst, laneText, newLane, OpenLanes, TurnLanes, type TaskLane } from './lanes.js';

/** The lane of a task, and its group. */
export type GroupLane = TaskLane<PlacementGroup>;

/**
 * Queued tasks that ask for the same kind of agent: where the first of them fits nowhere, none does.
 *
 *   open    -- no agent fits --> blocked
 *   blocked -- an agent that fits came, or got room --> open
 *
 * So a task that fits nowhere holds up only those that fit nowhere either. Beside it, each of its lanes is open or
 * parked by itself.
 */
export class PlacementGroup implements Sought {
  readonly agentId: string | null;
  readonly executor: Executor;
  readonly selector: Selector;
  readonly needs: Needs;
  readonly requests: Requests | undefined;
  readonly placement: PlacementStrategy | undefined;
  /** Kept by `BlockedGroups`. */
  blocked = false;
  /** The agent that is kept for it. Kept by `Keeper`. */
  kept: Agent | null = null;
  readonly open = new OpenLanes<GroupLane>();
  /** Of the first of its open lanes, at hand for searches through many groups; infinity without any. */
  rank = Infinity;
  tie = Infinity;
  /** Null while no lane of it takes turns. */
  turns: TurnLanes<GroupLane> | null = null;
  /** Its place in `TurnGroups`. */
  turnSeat = -1;
  /** Most groups have this one lane and no other. */
  private plain: GroupLane | null = null;
  private keyed: Map<string, GroupLane> | null = null;

  /** `wish`: what it asks of any agent, as a text. Unique among the groups of its agent (or of none). */
  constructor(
    readonly wish: string,
    { spec }: Task,
    private readonly agingMs: number,
    private readonly turnOf: (key: string) => number,
  ) {
    this.agentId = spec.agent_id ?? null;
    this.executor = spec.executor;
    this.selector = spec.selector;
    this.needs = needsOf(spec.selector);
    this.requests = spec.requests;
    this.placement = spec.placement;
  }

  get isEmpty(): boolean {
    return this.plain === null && this.keyed === null;
  }

  /** The most urgent of its tasks that no closed gate is known of. */
  get first(): Task | undefined {
    return this.open.peek()?.ready.peek();
  }

  laneFor(task: Task): GroupLane {
    const name = laneText(task);
    if (name === '') return (this.plain ??= newLane<PlacementGroup>(this, name, task, this.agingMs));
    this.keyed ??= new Map();
    let lane = this.keyed.get(name);
    if (!lane) this.keyed.set(name, (lane = newLane<PlacementGroup>(this, name, task, this.agingMs)));
    return lane;
  }

  drop(lane: GroupLane): void {
    this.shut(lane);
    if (lane === this.plain) this.plain = null;
    else if (this.keyed?.delete(lane.name) && this.keyed.size === 0) this.keyed = null;
  }

  /** It is open, or its first task is another one. */
  place(lane: GroupLane): void {
    this.open.set(lane);
    if (lane.concurrency && takesTurns(lane.concurrency)) {
      this.turns ??= new TurnLanes();
      this.turns.delete(lane);
      lane.turn = this.turnOf(lane.concurrency.key);
      this.turns.add(lane);
    }
    this.stand();
  }

  shut(lane: GroupLane): void {
    this.open.delete(lane);
    this.turns?.delete(lane);
    this.stand();
  }

  private stand(): void {
    const ready = this.open.peek()?.ready;
    this.rank = ready ? ready.peekRank() : Infinity;
    this.tie = ready ? ready.peekTie() : Infinity;
  }
}

/** Groups in the order of the first of their lanes that take turns. */
export class TurnGroups extends SeatedHeap<PlacementGroup> {
  protected rankOf({ turns }: PlacementGroup): number {
    return turns!.peekRank();
  }

  protected tieOf({ turns }: PlacementGroup): number {
    return turns!.peekTie();
  }

  protected override isBefore(a: PlacementGroup, b: PlacementGroup): boolean {
    return comesFirst(a.turns!.peek()!, b.turns!.peek()!);
  }

  protected seatOf({ turnSeat }: PlacementGroup): number {
    return turnSeat;
  }

  protected seat(group: PlacementGroup, at: number): void {
    group.turnSeat = at;
  }
}

/** The groups with a ready task, by the agent that they name (or none) and by what they ask of any agent. */
export class Groups {
  private readonly byAgent = new Map<string | null, Map<string, PlacementGroup>>();

  constructor(
    private readonly agingMs: number,
    private readonly turnOf: (key: string) => number,
  ) {}

  of(task: Task): PlacementGroup {
    const agentId = task.spec.agent_id ?? null;
    let byWish = this.byAgent.get(agentId);
    if (!byWish) this.byAgent.set(agentId, (byWish = new Map<string, PlacementGroup>()));
    const wish = wishText(task.spec);
    let group = byWish.get(wish);
    if (!group) byWish.set(wish, (group = new PlacementGroup(wish, task, this.agingMs, this.turnOf)));
    return group;
  }

  /** The one that asks for the same as a group of another queue. */
  like({ agentId, wish }: Pick<PlacementGroup, 'agentId' | 'wish'>): PlacementGroup | undefined {
    return this.byAgent.get(agentId)?.get(wish);
  }

  delete(group: PlacementGroup): void {
    const byWish = this.byAgent.get(group.agentId);
    byWish?.delete(group.wish);
    if (byWish?.size === 0) this.byAgent.delete(group.agentId);
  }
}
