import { type ReadFailure } from '@fluxforge/events/log';

/** How a candidacy or a tenure ends, other than by a claim that counts. */
export type Ending =
  /** The term is over. `rivalGeneration` is that of the claim that ended it; null: there is none to wait for. */
  | { readonly kind: 'fallen'; readonly reason: string; readonly rivalGeneration: number | null }
  /** A person must look: what the owner depends on is not what it was. */
  | { readonly kind: 'stopped'; readonly reason: string };

export function fallen(reason: string, rivalGeneration: number | null = null): Ending {
  return { kind: 'fallen', reason, rivalGeneration };
}

export function stopped(reason: string): Ending {
  return { kind: 'stopped', reason };
}

export function unreadable(failure: ReadFailure): Ending {
  return stopped(`the log cannot be read where it was before (${failure})`);
}

/** Until what was surely not done is asked for again. */
export const retryDelayMs = 100;
