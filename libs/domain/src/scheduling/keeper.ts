import { fitsKept, type Agent } from '@fluxforge/domain/agent';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { couldTake, type AgentSearch } from './nearest-agent.js';
import { type PlacementGroup } from './placement-group.js';

/** Bounds what of a tenant idles for its large tasks. Part of the tasks policy. */
export interface KeepingPolicy {
  /** Of the agents that may be given leases one in so many is kept at most, and one at least. */
  readonly oneIn: number;
  /** However many agents there are: each is looked for over all of them, once in a step of aging. */
  readonly atMost: number;
}

export const defaultKeeping: KeepingPolicy = { oneIn: 10, atMost: 32 };

interface Deferral {
  readonly untilMs: number;
  readonly isOutbid: boolean;
}

/** What tells a group from all others, of another queue as well. */
type GroupName = Pick<PlacementGroup, 'agentId' | 'wish'>;

/** What a keeper keeps and has deferred at one moment. */
export interface Keeping {
  readonly most: number;
  readonly deferred: readonly (Deferral & { readonly group: GroupName })[];
  readonly kept: readonly {
    readonly group: GroupName;
    readonly agentId: string;
    readonly keptFor: string | null;
    readonly lookAtMs: number;
  }[];
}

/**
 * Room for tasks that ask for more than comes free at once. Smaller tasks of their tenant would take each slot as it
 * is freed, however old they grew. So when one has waited one step of aging beyond the top, an agent that can take it
 * is kept for it: nothing else is leased there until it fits, which is when enough of what runs there has ended. An
 * agent is kept for a kind of task, whichever of them is first, and for one kind alone. Those that are due first come
 * first, as far as agents may be kept. Every further step it is another agent, if that one is nearer by now. Where none
 * could take it, it is looked at again a step later; where only others have theirs, when one of these is let go.
 *
 *   watched -- due, an agent could take it --> kept -- leased, or one of both has changed --> (gone, or watched)
 */
export class Keeper {
  private readonly due = new PriorityQueue<PlacementGroup>();
  /** Of those that are due, the ones that no agent could take when it was last asked. */
  private readonly deferred = new Set<PlacementGroup>();
  /** Of these, the ones that an agent could take which was kept for others. */
  private readonly outbid = new Set<PlacementGroup>();
  /** In a copy: what its original has deferred. Here they are not blocked yet, and only what is blocked is due. */
  private readonly postponed = new Map<PlacementGroup, Deferral>();
  /** By the agent that is kept, in the order in which it was. */
  private readonly groups = new Map<Agent, PlacementGroup>();
  /** These groups by when it is asked whether another agent is nearer by now. */
  private readonly looks = new PriorityQueue<PlacementGroup>();
  /** Of these groups, the ones that are not blocked. */
  private readonly open = new Set<PlacementGroup>();
  /** How many agents may be kept, as of the last search. */
  private most = 1;

  constructor(
    private readonly agingMs: number,
    private readonly policy: KeepingPolicy,
    private readonly search: AgentSearch,
  ) {}

  /** When `keep` has something to do. */
  get dueAtMs(): number {
    return Math.min(this.looks.peekRank(), this.groups.size < this.most ? this.due.peekRank() : Infinity);
  }

  /** What an agent is kept for fits there now, and is among what is chosen from. */
  get isReady(): boolean {
    for (const { kept, requests } of this.open) if (fitsKept(kept!, requests)) return true;
    return false;
  }

  /** The group is blocked or has an agent kept for it, and the first of its tasks may be another one. */
  watch(group: PlacementGroup): void {
    const { first, kept } = group;
    if (!first) return this.unwatch(group);
    if (kept) return this.stand(group, kept, this.looks.rankOf(group)!);
    // A new task of the kind does not make an agent that could take it.
    if (!group.requests || this.deferred.has(group)) return;
    const deferral = this.postponed.get(group);
    if (deferral) this.defer(group, deferral);
    else this.due.set(group, group.rank + this.agingMs, first.order);
  }

  unwatch(group: PlacementGroup): void {
    this.due.delete(group);
    this.deferred.delete(group);
    this.outbid.delete(group);
    this.postponed.delete(group);
  }

  /** The group that this agent is kept for. */
  groupAt(agent: Agent): PlacementGroup | null {
    return agent.keptFor === null ? null : (this.groups.get(agent) ?? null);
  }

  /** Whose turn it is to have an agent looked for. */
  groupDue(nowMs: number): PlacementGroup | null {
    return this.groups.size >= this.most || this.due.peekRank() > nowMs ? null : this.due.peek()!;
  }

  get standing(): Keeping {
    const deferred = [...this.deferred].map((group) => ({
      group,
      untilMs: this.due.rankOf(group) ?? Infinity,
      isOutbid: this.outbid.has(group),
    }));
    const kept = [...this.groups].map(([{ id: agentId, keptFor }, group]) => ({
      group,
      agentId,
      keptFor,
      lookAtMs: this.looks.rankOf(group)!,
    }));
    return { most: this.most, deferred, kept };
  }

  /** What was kept and deferred of a tenant that this one is a copy of. Answers the agents that are kept. */
  adopt(
    { most, deferred, kept }: Keeping,
    own: (group: GroupName) => PlacementGroup | undefined,
    agents: ReadonlyMap<string, Agent>,
  ): Agent[] {
    this.most = most;
    for (const { group: name, ...deferral } of deferred) {
      const group = own(name);
      if (group) this.postponed.set(group, deferral);
    }
    for (const { group: name, agentId, keptFor, lookAtMs } of kept) {
      const group = own(name);
      const agent = agents.get(agentId);
      if (!group?.first || !agent) continue;
      this.stand(group, agent, lookAtMs);
      agent.keptFor = keptFor;
    }
    return [...this.groups.keys()];
  }

  /** Lets go what is kept for the group. Answers the agent that is free again. */
  release(group: PlacementGroup): Agent | null {
    const agent = group.kept;
    if (!agent) return null;
    group.kept = null;
    agent.keptFor = null;
    this.groups.delete(agent);
    this.looks.delete(group);
    this.open.delete(group);
    if (group.blocked) this.watch(group);
    this.offer(agent);
    return agent;
  }

  /**
   * Looks for an agent for whoever is due first, or for a nearer one than is kept: once, over all agents. Answers those
   * that are kept now, or no longer.
   */
  keep(nowMs: number): Agent[] {
    if (this.dueAtMs > nowMs) return [];
    const group = this.looks.peekRank() <= nowMs ? this.looks.peek()! : this.due.peek()!;
    const present = group.kept;
    const { agent, able, isOutbid } = this.search.nearest(group, present, nowMs);
    this.most = Math.min(this.policy.atMost, Math.max(1, Math.floor(able / this.policy.oneIn)));
    const untilMs = nowMs + this.agingMs;
    const changed: Agent[] = [];
    if (!agent) this.defer(group, { untilMs, isOutbid });
    else if (agent === present) this.stand(group, agent, untilMs);
    else {
      if (present) this.release(group);
      this.unwatch(group);
      this.stand(group, agent, untilMs);
      changed.push(agent);
      if (present) changed.push(present);
    }
    return this.groups.size > this.most ? [...changed, this.letLastGo()] : changed;
  }

  /** Fewer may be kept than were. */
  private letLastGo(): Agent {
    const [last] = [...this.groups.values()].slice(-1);
    return this.release(last!)!;
  }

  private stand(group: PlacementGroup, agent: Agent, lookAtMs: number): void {
    const first = group.first!;
    group.kept = agent;
    this.groups.set(agent, group);
    this.looks.set(group, lookAtMs, agent.order);
    // What comes first and asks for the same takes over what is kept.
    agent.keptFor = first.id;
    if (group.blocked) this.open.delete(group);
    else this.open.add(group);
  }

  private defer(group: PlacementGroup, { untilMs, isOutbid }: Deferral): void {
    this.postponed.delete(group);
    this.due.set(group, untilMs, group.first!.order);
    this.deferred.add(group);
    if (isOutbid) this.outbid.add(group);
    else this.outbid.delete(group);
  }

  /**
   * The most urgent of those that others were before takes its old place in the line: else whoever is due by then would
   * be before it each time.
   */
  private offer(agent: Agent): void {
    let next: PlacementGroup | null = null;
    for (const group of this.outbid) {
      if (next && (group.rank > next.rank || (group.rank === next.rank && group.tie > next.tie))) continue;
      if (couldTake(agent, group)) next = group;
    }
    if (!next) return;
    this.unwatch(next);
    this.watch(next);
  }
}
