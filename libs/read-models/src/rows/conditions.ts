import { type Condition, type ConditionStatus } from '../queries/common.js';

export interface ConditionNow {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message?: string;
}

/** The conditions as of now; the time of the last transition stays while a status stays. */
export function transitioned(
  before: readonly Condition[],
  now: readonly ConditionNow[],
  time: string,
  observedGeneration: number,
): Condition[] {
  return now.map((condition) => {
    const old = before.find((c) => c.type === condition.type);
    return {
      type: condition.type,
      status: condition.status,
      reason: condition.reason,
      message: condition.message ?? '',
      last_transition_at: old?.status === condition.status ? old.last_transition_at : time,
      observed_generation: observedGeneration,
    };
  });
}
