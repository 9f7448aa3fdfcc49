import {
  type Executor,
  type PlacementStrategy,
  type Requests,
  type Selector,
} from '@fluxforge/events/catalogue';
import { fits, freeSlots, slotsOf, suits, type Agent } from '@fluxforge/domain/agent';
import { PriorityQueue, selectorText } from '@fluxforge/domain/kernel';

export interface Pick {
  readonly agent: Agent;
  /** How many agents suit and have room for it. */
  readonly candidates: number;
}

/** What a task asks of any agent. */
export interface Wish {
  readonly executor: Executor;
  readonly selector: Selector;
  readonly requests?: Requests | undefined;
  /** Of the agents that fit, `spread` takes the emptiest and `pack` the fullest, by free slots. */
  readonly placement?: PlacementStrategy | undefined;
}

export interface Sought extends Wish {
  /** Of its selector. */
  readonly needs: Needs;
}

/** The agents that suit a wish and have room for it: the best first, among equals the one that enrolled first. */
interface Line extends Wish {
  readonly text: string;
  readonly agents: PriorityQueue<Agent>;
}

/** Up to this many agents that could suit are looked at one by one; for more a line is kept. */
const fewAgents = 32;
/**
 * Lines kept in a tenant. Each costs a place in a heap for each of its agents whenever one of its slots is
 * taken or freed. Beyond this the one that was used longest ago goes, and making it again looks at all agents.
 */
const linesKept = 32;
/** Of wishes that were asked once, so that one that nobody repeats makes no line. */
const wishesKept = 256;

export function wishText(wish: Wish): string {
  // The common case makes no new text: its hash is known already, and that shows in the measures.
  const { executor, selector, requests, placement } = wish;
  const isPlain = !requests && placement !== 'pack';
  if (isPlain && selector.length === 0) return executor;
  const size = requests
    ? `${slotsOf(requests)}/${requests.cpu_millis ?? 0}/${requests.memory_bytes ?? 0}`
    : '';
  return `${executor}\u0000${isPlain ? '' : `${placement === 'pack' ? 'p' : ''}${size}`}\u0000${selectorText(selector)}`;
}

/**
 * The agents of one tenant by what they suit and how much room they have. Which lines are kept changes the
 * cost of an answer, never the answer.
 */
export class FreeAgents {
  private readonly room = new Map<Agent, number>();
  private readonly byLabel = new Map<string, Set<Agent>>();
  private readonly labelsOf = new Map<Agent, readonly string[]>();
  /** In order of use. */
  private readonly lines = new Map<string, Line>();
  private readonly linesOf = new Map<Agent, Line[]>();
  private readonly asked = new Set<string>();

  /** Some agent may be given a lease now. */
  get hasRoom(): boolean {
    return this.room.size > 0;
  }

  /** Brings the lines up to date with the agent's room: what it had, and what it has now. */
  refresh(agent: Agent): { readonly had: number; readonly has: number } {
    const had = this.room.get(agent) ?? 0;
    const has = freeSlots(agent);
    // A run takes a slot at least: CPU and memory do not change without it.
    if (has === had) return { had, has };
    if (has > 0) this.room.set(agent, has);
    else this.room.delete(agent);
    for (const line of this.linesOf.get(agent) ?? []) stand(line, agent, has);
    return { had, has };
  }

  /** After a change of what the agent suits, or for one that is new. */
  relabel(agent: Agent): void {
    this.unlabel(agent);
    const names = Object.entries(agent.labels).map(([key, value]) => posting(key, value));
    this.labelsOf.set(agent, names);
    for (const name of names) {
      const agents = this.byLabel.get(name);
      if (agents) agents.add(agent);
      else this.byLabel.set(name, new Set([agent]));
    }
    const lines: Line[] = [];
    this.linesOf.set(agent, lines);
    for (const line of this.lines.values()) this.enter(line, agent, lines);
  }

  withLabel(key: string, value: string): readonly Agent[] {
    return [...(this.byLabel.get(posting(key, value)) ?? [])];
  }

  /** Its labels as the names under which whoever needs one of them is filed. */
  labelsIn(agent: Agent): readonly string[] {
    return this.labelsOf.get(agent) ?? [];
  }

  remove(agent: Agent): void {
    this.unlabel(agent);
    this.room.delete(agent);
    this.linesOf.delete(agent);
  }

  /** `text` is the wish's own. */
  pick(text: string, wish: Sought): Pick | null {
    const line = this.lines.get(text) ?? this.lineFor(text, wish);
    if (!line) return this.bestOf(this.thatMaySuit(wish.needs), wish);
    this.lines.delete(text);
    this.lines.set(text, line);
    for (let agent = line.agents.peek(); agent; agent = line.agents.peek()) {
      // Asked again at the moment of the lease: what stands here is what was known of it last.
      if (fits(agent, wish.requests)) return { agent, candidates: line.agents.size };
      line.agents.delete(agent);
    }
    return null;
  }

  /** Null: it is cheaper to look at the agents one by one, as they are few or the wish is a new one. */
  private lineFor(text: string, wish: Sought): Line | null {
    if (this.countOf(this.rarestOf(wish.needs)) <= fewAgents) return null;
    if (this.asked.has(text)) return this.newLine(text, wish);
    if (this.asked.size >= wishesKept) this.asked.clear();
    this.asked.add(text);
    return null;
  }

  private *thatMaySuit(needs: Needs): Generator<Agent, void, undefined> {
    const names = this.rarestOf(needs);
    if (this.countOf(names) >= this.room.size) yield* this.room.keys();
    else for (const name of names) yield* this.byLabel.get(name) ?? [];
  }

  private bestOf(agents: Iterable<Agent>, wish: Wish): Pick | null {
    let best: Agent | null = null;
    let bestRank = Infinity;
    let candidates = 0;
    for (const agent of agents) {
      const room = this.room.get(agent) ?? 0;
      if (room === 0 || !fits(agent, wish.requests)) continue;
      if (!suits(agent, wish.executor, wish.selector)) continue;
      candidates += 1;
      const rank = rankBy(wish, room);
      if (best && (rank > bestRank || (rank === bestRank && agent.order > best.order))) continue;
      best = agent;
      bestRank = rank;
    }
    return best && { agent: best, candidates };
  }

  /** One of these an agent must have to suit: of labels, by their names, those that the fewest have; or `anyAgent`. */
  rarestOf(needs: Needs): readonly string[] {
    let rarest = noNeed;
    let fewest = Infinity;
    for (const names of needs) {
      const agents = this.countOf(names);
      if (agents >= fewest) continue;
      rarest = names;
      fewest = agents;
    }
    return rarest;
  }

  /** An agent counts once for each of the labels that it has. */
  private countOf(names: readonly string[]): number {
    let agents = 0;
    for (const name of names) agents += name === anyAgent ? Infinity : (this.byLabel.get(name)?.size ?? 0);
    return agents;
  }

  private newLine(text: string, { executor, selector, requests, placement }: Wish): Line {
    if (this.lines.size >= linesKept) this.dropOldest();
    const line: Line = { text, executor, selector, requests, placement, agents: new PriorityQueue() };
    this.lines.set(text, line);
    for (const [agent, lines] of this.linesOf) this.enter(line, agent, lines);
    return line;
  }

  private dropOldest(): void {
    const oldest = this.lines.values().next().value;
    if (!oldest) return;
    this.lines.delete(oldest.text);
    for (const lines of this.linesOf.values()) {
      const at = lines.indexOf(oldest);
      if (at >= 0) lines.splice(at, 1);
    }
  }

  private enter(line: Line, agent: Agent, lines: Line[]): void {
    if (!suits(agent, line.executor, line.selector)) return;
    lines.push(line);
    stand(line, agent, this.room.get(agent) ?? 0);
  }

  private unlabel(agent: Agent): void {
    for (const name of this.labelsOf.get(agent) ?? []) {
      const agents = this.byLabel.get(name);
      agents?.delete(agent);
      if (agents?.size === 0) this.byLabel.delete(name);
    }
    this.labelsOf.delete(agent);
    for (const line of this.linesOf.get(agent) ?? []) line.agents.delete(agent);
  }
}

function stand(line: Line, agent: Agent, room: number): void {
  if (room > 0 && fits(agent, line.requests)) line.agents.set(agent, rankBy(line, room), agent.order);
  else line.agents.delete(agent);
}

function rankBy(wish: Wish, room: number): number {
  return wish.placement === 'pack' ? room : -room;
}

/** NUL is in no label, so no two pairs have the same name. */
export function posting(key: string, value: string): string {
  return `${key}\u0000${value}`;
}

/** For each term that says which values a label has: the names of these labels, of which an agent must have one. */
export type Needs = readonly (readonly string[])[];

export function needsOf(selector: Selector): Needs {
  const terms = selector.filter(({ op }) => op === 'in');
  return terms.map(({ key, values }) => [...new Set(values)].map((value) => posting(key, value)));
}

/** What is needed where no label in particular is. No label's name is empty. */
export const anyAgent = '';
const noNeed: readonly string[] = [anyAgent];
