import { type TasksState } from '@fluxforge/domain/tasks-context';
import { pulseOf, type PartitionPulse } from '@fluxforge/events/hot-queue';

/** A partition that is led here, as of now. */
export interface LedPartition {
  readonly partition: number;
  /** Whether anything may be told to others now. */
  readonly fresh: boolean;
  /** Nothing that is folded into `view` is still to be committed. */
  readonly settled: boolean;
  readonly term: number;
  /** Of the last committed record. */
  readonly seq: number;
  readonly pulse: PartitionPulse;
  readonly view: TasksState;
}

interface Runner {
  readonly host: {
    readonly leading: boolean;
    readonly settled: boolean;
    readonly terms: { readonly term: number };
    readonly position: { readonly seq: number } | null;
    readonly coveredCommands: number;
    readonly view: TasksState;
    fresh(nowMs: number): boolean;
  };
  lag(source: 'commands'): number;
}

interface Group {
  readonly placed: readonly number[];
  runner(partition: number): Runner | undefined;
}

export function ledPartitions(group: Group | null, nowMs: number): LedPartition[] {
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
