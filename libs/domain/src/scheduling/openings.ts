import { fits, freeSlots, suits, type Agent } from '@fluxforge/domain/agent';
import { type Task } from '@fluxforge/domain/task';
import { type BlockedGroups } from './blocked-groups.js';
import { type PlacementGroup } from './placement-group.js';

interface Search {
  readonly left: Iterator<PlacementGroup, void>;
  best: PlacementGroup | null;
}

interface Offer {
  /** The task that the group had first when it was opened. */
  readonly first: Task;
  readonly agent: Agent;
}

/** How many groups may still be looked at before others have their turn. */
export interface Looks {
  left: number;
}

/**
 * Agents that have got room or labels, until it is known whom of the blocked groups they help. For each of them only the
 * most urgent group that fits is opened: it may take all the room there is, and to open the others would be to find that
 * out for each. When that group has had its turn the agent is looked at again.
 *
 *   due     -- a blocked group fits --> offered -- that group was leased, blocked or emptied --> due
 *   due     -- none fits, or no room is left --> (gone)
 */
export class Openings {
  private readonly due = new Map<Agent, Search>();
  private readonly offers = new Map<PlacementGroup, Offer>();
  private readonly offered = new Set<Agent>();

  constructor(private readonly blocked: BlockedGroups) {}

  get isDue(): boolean {
    return this.due.size > 0;
  }

  /** `hadRoom`: as much as most tasks ask for, so that only those that ask for more can be helped. */
  add(agent: Agent, hadRoom: boolean): void {
    const demanding = hadRoom && !this.due.has(agent) && !this.offered.has(agent);
    if (this.blocked.mayHelp(demanding)) this.search(agent, demanding);
  }

  remove(agent: Agent): void {
    this.due.delete(agent);
    if (!this.offered.delete(agent)) return;
    for (const [group, offer] of this.offers) if (offer.agent === agent) this.offers.delete(group);
  }

  /** The group's first task may be another one, or it is blocked or opened. */
  settled(group: PlacementGroup): void {
    if (this.offers.size === 0) return;
    const offer = this.offers.get(group);
    if (offer && (group.blocked || group.first !== offer.first)) this.withdraw(group, offer);
    if (group.blocked && group.rank < Infinity) this.compete(group);
  }

  /**
   * The next group to open. Null: there is none, or all looks are used up. Then some are still due, and are gone on with
   * when it is asked again.
   */
  next(looks: Looks): PlacementGroup | null {
    for (const [agent, search] of this.due) {
      const idle = this.look(agent, search, looks);
      if (idle) return idle;
      if (looks.left <= 0) return null;
      this.due.delete(agent);
      const { best } = search;
      if (!best || freeSlots(agent) <= 0) continue;
      if (isFor(best, agent)) return this.offer(best, agent);
      this.search(agent, false);
    }
    return null;
  }

  private search(agent: Agent, demanding: boolean): void {
    this.due.set(agent, { left: this.blocked.candidates(agent, demanding), best: null });
  }

  /**
   * Goes on with a search, to its end or that of the looks. A group without open lanes is answered at once: nothing is
   * to be given to it now, and when a gate opens it must not pass for one that fits nowhere.
   */
  private look(agent: Agent, search: Search, looks: Looks): PlacementGroup | null {
    if (freeSlots(agent) <= 0) return null;
    for (; looks.left > 0; looks.left--) {
      const next = search.left.next();
      if (next.done) return null;
      const group = next.value;
      const isIdle = group.rank === Infinity;
      // First what is at hand: of many groups hardly any is more urgent than the best so far.
      if (search.best && !isIdle && !isBefore(group, search.best)) continue;
      if (!isFor(group, agent)) continue;
      if (isIdle) return group;
      search.best = group;
    }
    return null;
  }

  private offer(group: PlacementGroup, agent: Agent): PlacementGroup {
    this.offers.set(group, { first: group.first!, agent });
    this.offered.add(agent);
    return group;
  }

  private withdraw(group: PlacementGroup, { agent }: Offer): void {
    this.offers.delete(group);
    this.offered.delete(agent);
    this.search(agent, false);
  }

  /** What is blocked and has become more urgent than what was opened instead of it. */
  private compete(group: PlacementGroup): void {
    for (const [opened, offer] of this.offers) {
      if (isBefore(group, opened) && isFor(group, offer.agent)) this.withdraw(opened, offer);
    }
  }
}

function isFor(group: PlacementGroup, agent: Agent): boolean {
  return (
    group.blocked &&
    (group.agentId === null || group.agentId === agent.id) &&
    fits(agent, group.requests) &&
    suits(agent, group.executor, group.selector)
  );
}

function isBefore(a: PlacementGroup, b: PlacementGroup): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.tie < b.tie);
}
