import { type explainTarget } from '@fluxforge/domain/reconciling';
import { targetSentence } from './target-sentence.js';

type Explanation = NonNullable<ReturnType<typeof explainTarget>>;

const held: Explanation = {
  bucket: 'hold',
  reason: 'not_checked',
  agentStanding: 'found',
  generation: 2,
  attemptsUsed: 1,
  attempts: 3,
  taskId: null,
  lastTaskId: null,
  heldUntilMs: null,
  nextCheckMs: 60_000,
  check: { isAsked: false, unanswered: 0, unclear: 0 },
  inFlight: { now: 1, max: 1 },
  givenUp: { now: 1, max: 0 },
  remedies: [],
};
const soon = '1970-01-01T00:01:00.000Z';
const later = '1970-01-01T01:00:00.000Z';
const heldUntilMs = 3_600_000;
const isAsked = { isAsked: true, unanswered: 0, unclear: 0 };

describe('the sentence about a target', () => {
  it.each<[string, Partial<Explanation>]>([
    [`It is compliant; the next check is at ${soon}.`, { reason: 'compliant' }],
    ['It is compliant.', { reason: 'compliant', nextCheckMs: null }],
    ['It is compliant; a check is asked for and not answered yet.', { reason: 'compliant', check: isAsked }],
    [`It has not been checked at generation 2; the next check is at ${soon}.`, {}],
    [
      `It is to be checked again after task rem-1 before the next apply; the next check is at ${soon}.`,
      { lastTaskId: 'rem-1' },
    ],
    [
      `Its apply has been asked for as task rem-1, and counts as failed if nothing is heard of it by ${later}.`,
      { reason: 'in_flight', taskId: 'rem-1', remedies: [{ kind: 'wait-until', atMs: heldUntilMs }] },
    ],
    [
      'Its apply, task rem-1, is being withdrawn: state_changed.',
      { bucket: 'withdraw', reason: 'state_changed', taskId: 'rem-1' },
    ],
    [
      `Task rem-1 did not bring it about (1 of 3 attempts used up); the next apply waits until ${later}.`,
      { reason: 'backoff', lastTaskId: 'rem-1', heldUntilMs },
    ],
    [
      'It is given up: 3 of 3 attempts are used up, the last by task rem-3.',
      { reason: 'attempts_used_up', attemptsUsed: 3, lastTaskId: 'rem-3' },
    ],
    [`Its change window is closed until ${later}.`, { reason: 'change_window_closed', heldUntilMs }],
    [`A change window denies applies for years to come.`, { reason: 'change_window_denied' }],
    ['The places of max_concurrency are taken (1 of 1).', { reason: 'max_concurrency' }],
    [
      'More agents are given up than max_failures allows (1 of 0): no further apply is started.',
      { reason: 'max_failures' },
    ],
    ['Agent a1 is lost: nothing has been heard of it.', { reason: 'agent_lost', agentStanding: 'lost' }],
    ['Agent a1 has never connected.', { reason: 'agent_lost', agentStanding: 'enrolled' }],
    [
      'Its check does not say whether it is compliant (2 results in a row say nothing: exit code 126 or 127, a signal, a timeout).',
      { reason: 'check_unknown', nextCheckMs: null, check: { isAsked: false, unanswered: 0, unclear: 2 } },
    ],
    [
      `Its check does not say whether it is compliant (3 requests in a row were not answered); the next check is at ${soon}.`,
      { reason: 'check_unknown', check: { isAsked: false, unanswered: 3, unclear: 0 } },
    ],
  ])('%s', (sentence, over) => {
    expect(targetSentence({ ...held, ...over }, 'a1')).toBe(sentence);
  });
});
