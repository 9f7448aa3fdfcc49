import { anyAgent } from './free-agents.js';
import { type PlacementGroup } from './placement-group.js';

/**
 * Blocked groups by what an agent must have to open them, so that a change of one agent looks at the groups
 * that hang on it and not at all of them. Each group is filed under one requirement: its agent, the values
 * of its first `in` term, or none.
 */
export class BlockedGroups {
  private readonly byAgent = new Map<string, Set<PlacementGroup>>();
  private readonly byNeed = new Map<string, Set<PlacementGroup>>();
  /** Of them, those that ask for more than any free slot. */
  private demanding = 0;

  add(group: PlacementGroup): void {
    if (group.blocked) return;
    group.blocked = true;
    if (group.requests) this.demanding += 1;
    if (group.agentId !== null) return file(this.byAgent, group.agentId, group);
    for (const need of group.needs) file(this.byNeed, need, group);
  }

  delete(group: PlacementGroup): void {
    if (!group.blocked) return;
    group.blocked = false;
    if (group.requests) this.demanding -= 1;
    if (group.agentId !== null) return unfile(this.byAgent, group.agentId, group);
    for (const need of group.needs) unfile(this.byNeed, need, group);
  }

  /**
   * All that an agent of this id with these labels might open. `demanding`: only those that ask for more than any
   * free slot, for an agent that had one before.
   */
  candidates(agentId: string, labels: readonly string[], demanding: boolean): PlacementGroup[] {
    const found: PlacementGroup[] = [];
    if (demanding && this.demanding === 0) return found;
    collect(this.byAgent.get(agentId), demanding, found);
    if (this.byNeed.size === 0) return found;
    collect(this.byNeed.get(anyAgent), demanding, found);
    for (const label of labels) collect(this.byNeed.get(label), demanding, found);
    return found;
  }
}

function file(by: Map<string, Set<PlacementGroup>>, name: string, group: PlacementGroup): void {
  const groups = by.get(name);
  if (groups) groups.add(group);
  else by.set(name, new Set([group]));
}

function unfile(by: Map<string, Set<PlacementGroup>>, name: string, group: PlacementGroup): void {
  const groups = by.get(name);
  groups?.delete(group);
  if (groups?.size === 0) by.delete(name);
}

function collect(
  groups: ReadonlySet<PlacementGroup> | undefined,
  demanding: boolean,
  found: PlacementGroup[],
): void {
  if (groups) for (const group of groups) if (!demanding || group.requests) found.push(group);
}
