import { type Executor, type Selector } from '@fluxforge/events/catalogue';
import { freeSlots, suits, type Agent } from '@fluxforge/domain/agent';

export interface Pick {
  readonly agent: Agent;
  /** How many agents were looked at. */
  readonly considered: number;
}

/** Where `agent` is or belongs in a list that is in order of ids. */
function placeOf(list: readonly Agent[], agent: Agent): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.id < agent.id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The agents of one tenant by how many slots they have free, and by their labels. Answers "the emptiest
 * that suits" without looking at those that are full, away or drained; among equals the lowest id.
 */
export class FreeAgents {
  /** Index: free slots. Each list in order of ids. */
  private readonly byFree: Agent[][] = [];
  private readonly freeOf = new Map<Agent, number>();
  private readonly byLabel = new Map<string, Set<Agent>>();
  private readonly labelsOf = new Map<Agent, string[]>();
  private mostFree = 0;

  /** Brings the lists in line with the agent. True when it had no room and has some now. */
  refresh(agent: Agent): boolean {
    const before = this.freeOf.get(agent) ?? 0;
    const now = freeSlots(agent);
    if (now === before) return false;
    if (before > 0) this.takeOut(agent, before);
    if (now > 0) this.putIn(agent, now);
    return before === 0;
  }

  /** After a change of labels, or for an agent that is new. */
  relabel(agent: Agent): void {
    this.unlabel(agent);
    const postings = Object.entries(agent.labels).map(([key, value]) => posting(key, value));
    this.labelsOf.set(agent, postings);
    for (const name of postings) {
      const agents = this.byLabel.get(name);
      if (agents) agents.add(agent);
      else this.byLabel.set(name, new Set([agent]));
    }
  }

  remove(agent: Agent): void {
    const free = this.freeOf.get(agent);
    if (free !== undefined) this.takeOut(agent, free);
    this.unlabel(agent);
  }

  /**
   * The walk from the emptiest down finds a common kind of agent at once, the list of a label a rare one.
   * The cheaper of the two is taken, so a pick looks at about the square root of all agents at worst, unless
   * all that suit are full.
   */
  pick(executor: Executor, selector: Selector): Pick | null {
    const few = this.fewest(selector);
    if (few && few.length * few.length <= this.freeOf.size) return this.pickOf(few, executor, selector);
    return this.pickByWalk(executor, selector);
  }

  private pickByWalk(executor: Executor, selector: Selector): Pick | null {
    let considered = 0;
    for (let free = this.mostFree; free > 0; free--) {
      for (const agent of this.byFree[free] ?? []) {
        considered += 1;
        if (suits(agent, executor, selector)) return { agent, considered };
      }
    }
    return null;
  }

  private pickOf(agents: readonly Agent[], executor: Executor, selector: Selector): Pick | null {
    let best: Agent | null = null;
    let bestFree = 0;
    for (const agent of agents) {
      const free = this.freeOf.get(agent) ?? 0;
      if (free < bestFree || free === 0 || !suits(agent, executor, selector)) continue;
      if (free === bestFree && best && best.id < agent.id) continue;
      best = agent;
      bestFree = free;
    }
    return best && { agent: best, considered: agents.length };
  }

  /** The shortest list of agents that any term leaves, or null when no term names values. */
  private fewest(selector: Selector): Agent[] | null {
    let names: string[] | null = null;
    let fewest = Infinity;
    for (const term of selector) {
      if (term.op !== 'in') continue;
      const termNames = term.values.map((value) => posting(term.key, value));
      let size = 0;
      for (const name of termNames) size += this.byLabel.get(name)?.size ?? 0;
      if (size >= fewest) continue;
      fewest = size;
      names = termNames;
    }
    // Beyond this the list is never the cheaper way, and it need not be made.
    if (!names || fewest * fewest > this.freeOf.size) return null;
    return names.flatMap((name) => [...(this.byLabel.get(name) ?? [])]);
  }

  private putIn(agent: Agent, free: number): void {
    const list = (this.byFree[free] ??= []);
    list.splice(placeOf(list, agent), 0, agent);
    this.freeOf.set(agent, free);
    if (free > this.mostFree) this.mostFree = free;
  }

  private takeOut(agent: Agent, free: number): void {
    const list = this.byFree[free]!;
    list.splice(placeOf(list, agent), 1);
    this.freeOf.delete(agent);
    while (this.mostFree > 0 && !this.byFree[this.mostFree]?.length) this.mostFree -= 1;
  }

  private unlabel(agent: Agent): void {
    for (const name of this.labelsOf.get(agent) ?? []) {
      const agents = this.byLabel.get(name);
      agents?.delete(agent);
      if (agents?.size === 0) this.byLabel.delete(name);
    }
    this.labelsOf.delete(agent);
  }
}

/** NUL is in no label, so no two pairs have the same name. */
export function posting(key: string, value: string): string {
  return `${key}\u0000${value}`;
}
