import { type Requests } from '@fluxforge/events/catalogue';
import { couldFit, fitsKept, slotsOf, standingRefusal, suits, type Agent } from '@fluxforge/domain/agent';
import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { type PlacementGroup } from './placement-group.js';

interface Kept {
  /** Whichever of its tasks is first. */
  readonly group: PlacementGroup;
  readonly agent: Agent;
  /** When it is asked whether another agent is nearer by now. */
  readonly lookAtMs: number;
}

/** What tells a group from all others, of another queue as well. */
type GroupName = Pick<PlacementGroup, 'agentId' | 'wish'>;

/** What a keeper keeps and has deferred at one moment. */
export interface Keeping {
  readonly deferred: readonly { readonly group: GroupName; readonly untilMs: number }[];
  readonly kept: {
    readonly group: GroupName;
    readonly agentId: string;
    readonly keptFor: string | null;
    readonly lookAtMs: number;
  } | null;
}

/**
 * Room for a task that asks for more than comes free at once. Smaller tasks of its tenant would take each slot as it
 * is freed, however old it grew. So when it has waited one step of aging beyond the top, one agent that can take it is
 * kept for it: nothing else is leased there until it fits, which is when enough of what runs there has ended. One agent
 * of a tenant at a time, for the one that is due first. Every further step it is another agent, if that one has more of
 * what is asked for by now; where none could take it, it is looked at again a step later.
 *
 *   watched -- due, an agent could take it --> kept -- leased, or one of both has changed --> (gone, or watched)
 */
export class Keeper {
  private readonly due = new PriorityQueue<PlacementGroup>();
  /** Of those that are due, the ones that no agent could take when it was last asked. */
  private readonly deferred = new Set<PlacementGroup>();
  /** In a copy: until when its original has deferred groups. Here they are not blocked yet, and only what is blocked is due. */
  private readonly postponed = new Map<PlacementGroup, number>();
  private kept: Kept | null = null;

  constructor(private readonly agingMs: number) {}

  /** When `keep` has something to do. */
  get dueAtMs(): number {
    return this.kept ? this.kept.lookAtMs : this.due.peekRank();
  }

  /** What an agent is kept for fits there now, and is among what is chosen from. */
  get isReady(): boolean {
    return (
      this.kept !== null && !this.kept.group.blocked && fitsKept(this.kept.agent, this.kept.group.requests)
    );
  }

  get agent(): Agent | null {
    return this.kept?.agent ?? null;
  }

  /** The group is blocked or has an agent kept for it, and the first of its tasks may be another one. */
  watch(group: PlacementGroup): void {
    const { first } = group;
    if (!first) return this.unwatch(group);
    const agent = this.agentFor(group);
    // What comes first and asks for the same takes over what is kept.
    if (agent) agent.keptFor = first.id;
    // A new task of the kind does not make an agent that could take it.
    if (agent || !group.requests || this.deferred.has(group)) return;
    const untilMs = this.postponed.get(group);
    if (untilMs !== undefined) this.deferred.add(group);
    this.postponed.delete(group);
    this.due.set(group, untilMs ?? group.rank + this.agingMs, first.order);
  }

  unwatch(group: PlacementGroup): void {
    this.due.delete(group);
    this.deferred.delete(group);
    this.postponed.delete(group);
  }

  /** The agent that is kept for this group. */
  agentFor(group: PlacementGroup): Agent | null {
    return this.kept?.group === group ? this.kept.agent : null;
  }

  /** The group that this agent is kept for. */
  groupAt(agent: Agent): PlacementGroup | null {
    return this.kept?.agent === agent ? this.kept.group : null;
  }

  /** Whether what is kept is still of use to whom it is kept for. */
  get stands(): boolean {
    return this.kept !== null && couldTake(this.kept.agent, this.kept.group);
  }

  isFor(task: Task): boolean {
    return this.kept?.group.first === task;
  }

  /** Whose turn it is to have an agent looked for. */
  groupDue(nowMs: number): PlacementGroup | null {
    return this.kept || this.due.peekRank() > nowMs ? null : this.due.peek()!;
  }

  get standing(): Keeping {
    const deferred = [...this.deferred].map((group) => ({
      group,
      untilMs: this.due.rankOf(group) ?? Infinity,
    }));
    if (!this.kept) return { deferred, kept: null };
    const { group, agent, lookAtMs } = this.kept;
    return { deferred, kept: { group, agentId: agent.id, keptFor: agent.keptFor, lookAtMs } };
  }

  /** What was kept and deferred of a tenant that this one is a copy of. Answers the agent that is kept. */
  adopt(
    { deferred, kept }: Keeping,
    own: (group: GroupName) => PlacementGroup | undefined,
    agents: ReadonlyMap<string, Agent>,
  ): Agent | null {
    for (const one of deferred) {
      const group = own(one.group);
      if (group) this.postponed.set(group, one.untilMs);
    }
    const group = kept && own(kept.group);
    const agent = kept && agents.get(kept.agentId);
    if (!group || !agent) return null;
    this.kept = { group, agent, lookAtMs: kept.lookAtMs };
    agent.keptFor = kept.keptFor;
    return agent;
  }

  /** Lets go. Answers the agent that is free again. */
  release(): Agent | null {
    const agent = this.kept?.agent ?? null;
    this.kept = null;
    if (agent) agent.keptFor = null;
    return agent;
  }

  /** Looks for an agent for whoever is due first, or for a nearer one than is kept: once, over all agents. */
  keep(agents: ReadonlyMap<string, Agent>, nowMs: number): void {
    if (this.dueAtMs > nowMs) return;
    const lookAtMs = nowMs + this.agingMs;
    const group = this.kept?.group ?? this.due.peek()!;
    const agent = nearest(group, agents, this.agent);
    if (!agent) {
      this.due.set(group, lookAtMs, group.first!.order);
      this.deferred.add(group);
      return;
    }
    this.release();
    this.unwatch(group);
    this.kept = { group, agent, lookAtMs };
    agent.keptFor = group.first!.id;
  }
}

/** Once enough of what runs there has ended. */
function couldTake(agent: Agent, { executor, selector, requests }: PlacementGroup): boolean {
  return !standingRefusal(agent) && suits(agent, executor, selector) && couldFit(agent, requests);
}

/** Of those that could take it, the one that lacks least of what is asked for; among equals the present one, or the oldest. */
function nearest(
  group: PlacementGroup,
  agents: ReadonlyMap<string, Agent>,
  present: Agent | null,
): Agent | null {
  const named = group.agentId === null ? undefined : agents.get(group.agentId);
  const from = group.agentId === null ? agents.values() : named ? [named] : [];
  let best = present;
  let least = present ? lackOf(present, group.requests) : Infinity;
  for (const agent of from) {
    if (!couldTake(agent, group)) continue;
    const lack = lackOf(agent, group.requests);
    if (lack > least || (lack === least && (best === present || agent.order > best!.order))) continue;
    best = agent;
    least = lack;
  }
  return best;
}

/** How much of what is asked for has to come free first: the sum of the shares. */
function lackOf({ slots, capacity, load }: Agent, requests: Requests | undefined): number {
  const share = (wanted: number, free: number): number =>
    wanted > free ? (wanted - Math.max(0, free)) / wanted : 0;
  const { cpu_millis = 0, memory_bytes = 0 } = requests ?? {};
  return (
    share(slotsOf(requests), slots - load.slots) +
    share(cpu_millis, (capacity?.cpu_millis ?? Infinity) - load.cpuMillis) +
    share(memory_bytes, (capacity?.memory_bytes ?? Infinity) - load.memoryBytes)
  );
}
