import { type explainTarget } from '@fluxforge/domain/reconciling';

type Explanation = NonNullable<ReturnType<typeof explainTarget>>;

/** As users see it: their field names, times as text. */
export function targetView(why: Explanation) {
  return {
    bucket: why.bucket,
    reason: why.reason,
    held_until: time(why.heldUntilMs),
    next_check_at: time(why.nextCheckMs),
    agent_standing: why.agentStanding,
    generation: why.generation,
    attempts_used: why.attemptsUsed,
    attempts: why.attempts,
    task_id: why.taskId,
    in_flight: why.inFlight,
    given_up: why.givenUp,
  };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
