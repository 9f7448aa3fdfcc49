import { PriorityQueue } from '@fluxforge/domain/kernel';
import { type Task } from '@fluxforge/domain/task';
import { posting, wishText, type Wish } from './free-agents.js';

/**
 * Queued tasks that ask for the same kind of agent: where the first of them fits nowhere, none does.
 *
 *   open    -- no agent fits --> blocked
 *   blocked -- an agent that fits came, or got a slot free --> open
 *
 * So a task that fits nowhere holds up only those that fit nowhere either.
 */
export interface PlacementGroup extends Wish {
  readonly text: string;
  /** What it asks of any agent, as a text. */
  readonly wish: string;
  readonly agentId: string | null;
  readonly ready: PriorityQueue<Task>;
}

export function groupText(task: Task): string {
  return `${task.spec.agent_id ?? ''}\u0000${wishText(task.spec)}`;
}

export function newGroup(text: string, task: Task): PlacementGroup {
  const { executor, agent_id, selector } = task.spec;
  const wish = text.slice(text.indexOf('\u0000') + 1);
  return { text, wish, executor, agentId: agent_id ?? null, selector, ready: new PriorityQueue() };
}

/**
 * Blocked groups by what an agent must have to open them, so that a change of one agent looks at the groups
 * that hang on it and not at all of them. Each group is filed under one requirement: its agent, the values
 * of its first `in` term, or none.
 */
export class BlockedGroups {
  private readonly byNeed = new Map<string, Set<PlacementGroup>>();
  private readonly needs = new Map<PlacementGroup, readonly string[]>();

  has(group: PlacementGroup): boolean {
    return this.needs.has(group);
  }

  add(group: PlacementGroup): void {
    const needs = needsOf(group);
    this.needs.set(group, needs);
    for (const need of needs) {
      const groups = this.byNeed.get(need);
      if (groups) groups.add(group);
      else this.byNeed.set(need, new Set([group]));
    }
  }

  delete(group: PlacementGroup): void {
    for (const need of this.needs.get(group) ?? []) {
      const groups = this.byNeed.get(need);
      groups?.delete(group);
      if (groups?.size === 0) this.byNeed.delete(need);
    }
    this.needs.delete(group);
  }

  /** All that an agent of this id with these labels might open. */
  candidates(agentId: string, labels: Readonly<Record<string, string>>): PlacementGroup[] {
    if (this.needs.size === 0) return [];
    const found = [...(this.byNeed.get(anyAgent) ?? []), ...(this.byNeed.get(pinned(agentId)) ?? [])];
    for (const [key, value] of Object.entries(labels)) {
      found.push(...(this.byNeed.get(posting(key, value)) ?? []));
    }
    return found;
  }
}

const anyAgent = '';

function pinned(agentId: string): string {
  return `\u0000${agentId}`;
}

function needsOf(group: PlacementGroup): readonly string[] {
  if (group.agentId !== null) return [pinned(group.agentId)];
  const term = group.selector.find((one) => one.op === 'in');
  return term ? [...new Set(term.values.map((value) => posting(term.key, value)))] : [anyAgent];
}
