import { type TasksContext } from '@fluxforge/domain/tasks-context';
import { Violation } from '../simulation/violation.js';
import { OwnersWorld } from './owners-world.js';

export interface SearchOptions {
  readonly context: () => TasksContext;
  readonly faults: number;
  readonly depth: number;
}

export interface SearchResult {
  readonly states: number;
  readonly steps: number;
  /** What was true at some time in some path, by how many paths ended so. */
  readonly seen: ReadonlySet<string>;
  readonly violation: { readonly what: string; readonly path: readonly string[] } | null;
}

/**
 * Every order of up to `depth` choices, breadth first, so that what is found is among the shortest. A state that
 * was reached before, in as many steps or fewer, is not gone on from. Hosts cannot be copied, so each path
 * is walked again from the start.
 */
export function searchOwners({ context, faults, depth }: SearchOptions): SearchResult {
  const known = new Set<string>();
  const seen = new Set<string>();
  let steps = 0;
  let frontier: (readonly string[])[] = [[]];
  for (let level = 0; level <= depth && frontier.length > 0; level += 1) {
    const next: (readonly string[])[] = [];
    for (const path of frontier) {
      const world = new OwnersWorld(context(), faults);
      try {
        for (const choice of path) world.apply(choice);
      } catch (error: unknown) {
        if (!(error instanceof Violation)) throw error;
        return { states: known.size, steps, seen, violation: { what: error.message, path } };
      }
      steps += path.length;
      const print = world.fingerprint();
      if (known.has(print)) continue;
      known.add(print);
      for (const what of world.seen()) seen.add(what);
      if (level < depth) for (const choice of world.choices()) next.push([...path, choice]);
    }
    frontier = next;
  }
  return { states: known.size, steps, seen, violation: null };
}
