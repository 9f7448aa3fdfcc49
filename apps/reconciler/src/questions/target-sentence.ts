import { type explainTarget } from '@fluxforge/domain/reconciling';

type Explanation = NonNullable<ReturnType<typeof explainTarget>>;

/** The rule in words, with its names and numbers, for whoever reads one line of the answer. */
export function targetSentence(why: Explanation, agentId: string): string {
  const { reason, attemptsUsed, attempts, inFlight, givenUp } = why;
  if (why.bucket === 'withdraw') return `Its apply, task ${why.taskId}, is being withdrawn: ${reason}.`;
  switch (reason) {
    case 'compliant':
      return `It is compliant${checkText(why)}.`;
    case 'drifted':
      return 'It has drifted, and its apply is about to be asked for.';
    case 'in_flight':
      return `Its apply has been asked for as task ${why.taskId}${answerText(why)}.`;
    case 'verifying':
      return `Task ${why.taskId} has applied it, and a check is to show that${checkText(why)}.`;
    case 'not_checked':
      return why.lastTaskId === null
        ? `It has not been checked at generation ${why.generation}${checkText(why)}.`
        : `It is to be checked again after task ${why.lastTaskId} before the next apply${checkText(why)}.`;
    case 'check_unknown':
      return `Its check does not say whether it is compliant${unknownText(why)}${checkText(why)}.`;
    case 'state_suspended':
      return 'The state is suspended: it is neither checked nor applied.';
    case 'agent_lost':
      return why.agentStanding === 'enrolled'
        ? `Agent ${agentId} has never connected.`
        : `Agent ${agentId} is lost: nothing has been heard of it.`;
    case 'agent_draining':
      return `Agent ${agentId} is draining: no apply is started on it.`;
    case 'check_only':
      return 'It has drifted, and the state is only checked (mode check_only).';
    case 'attempts_used_up':
      return `It is given up: ${attemptsUsed} of ${attempts} attempts are used up, the last by task ${why.lastTaskId}.`;
    case 'withdrawn':
      return `A withdrawn apply may still be running; another one waits until ${at(why.heldUntilMs)}.`;
    case 'backoff':
      return `Task ${why.lastTaskId} did not bring it about (${attemptsUsed} of ${attempts} attempts used up); the next apply waits until ${at(why.heldUntilMs)}.`;
    case 'change_window_closed':
      return `Its change window is closed ${untilText(why)}.`;
    case 'change_window_denied':
      return `A change window denies applies ${untilText(why)}.`;
    case 'max_concurrency':
      return `The places of max_concurrency are taken (${inFlight.now} of ${inFlight.max}).`;
    case 'max_failures':
      return `More agents are given up than max_failures allows (${givenUp.now} of ${givenUp.max}): no further apply is started.`;
    default:
      return `It is held back: ${reason}.`;
  }
}

/** Nothing of one that waits for its turn, or was read from the log: when it comes is not known there. */
function checkText({ check, nextCheckMs }: Explanation): string {
  if (check.isAsked) return '; a check is asked for and not answered yet';
  return nextCheckMs === null ? '' : `; the next check is at ${at(nextCheckMs)}`;
}

function unknownText({ check: { unclear, unanswered } }: Explanation): string {
  const causes = [
    ...(unclear > 0
      ? [`${unclear} results in a row say nothing: exit code 126 or 127, a signal, a timeout`]
      : []),
    ...(unanswered > 0 ? [`${unanswered} requests in a row were not answered`] : []),
  ];
  return causes.length === 0 ? '' : ` (${causes.join(', ')})`;
}

/** When an apply that nothing is heard of counts as failed. */
function answerText({ remedies }: Explanation): string {
  const wait = remedies.find((one) => one.kind === 'wait-until');
  return wait ? `, and counts as failed if nothing is heard of it by ${at(wait.atMs)}` : '';
}

function untilText({ heldUntilMs }: Explanation): string {
  return heldUntilMs === null ? 'for years to come' : `until ${at(heldUntilMs)}`;
}

function at(ms: number | null): string {
  return ms === null ? 'then' : new Date(ms).toISOString();
}
