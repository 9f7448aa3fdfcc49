import { type PartitionPulse } from './hot-queue.js';
import { pulseOf } from './pulse-of.js';

/** A partition that is led here, as of now. */
export interface LedPartition<State> {
  readonly partition: number;
  /** Whether anything may be told to others now. */
  readonly fresh: boolean;
  /** Nothing that is folded into `view` is still to be committed. */
  readonly settled: boolean;
  readonly term: number;
  /** Of the last committed record. */
  readonly seq: number;
  readonly pulse: PartitionPulse;
  readonly view: State;
}

interface Runner<State> {
  readonly host: {
    readonly leading: boolean;
    readonly settled: boolean;
    readonly terms: { readonly term: number };
    readonly position: { readonly seq: number } | null;
    readonly coveredCommands: number;
    readonly view: State;
    fresh(nowMs: number): boolean;
  };
  lag(source: 'commands'): number;
}

interface Group<State> {
  readonly placed: readonly number[];
  runner(partition: number): Runner<State> | undefined;
}

export function ledPartitions<State>(group: Group<State> | null, nowMs: number): LedPartition<State>[] {
  return (group?.placed ?? []).flatMap((partition) => {
    const runner = group?.runner(partition);
    if (!runner?.host.leading) return [];
    const { settled, terms, position, view } = runner.host;
    const fresh = runner.host.fresh(nowMs);
    return [
      { partition, fresh, settled, term: terms.term, seq: position?.seq ?? 0, pulse: pulseOf(runner), view },
    ];
  });
}
