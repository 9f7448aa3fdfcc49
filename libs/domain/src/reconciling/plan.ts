import { type Decided } from '@fluxforge/events/catalogue';
import {
  type DesiredState,
  type OwnBody,
  type StatesState,
  type Target,
} from '@fluxforge/domain/desired-state';
import { isWindowReason, windowAt } from '@fluxforge/domain/windows';
import { freePlaces } from './budgets.js';
import { isSilent, unknownTarget } from './check-results.js';
import { arrange, expireAnswers } from './check-schedule.js';
import { planMembership } from './membership.js';
import { place, settlesUntilMs, withdrawalReason } from './placement.js';
import { type ReconcilingPolicy } from './policy.js';
import { answerByMs, answered, failed, giveUp, request, requestBytes, withdraw } from './remediation.js';
import { Step } from './step.js';

/**
 * One step of the level-based pass, in the order membership, single targets, budgets. Each stage waits for
 * the one before to have nothing more to say, so it never acts on what is about to change. Marks stay until
 * looking at what is marked gives nothing: events that did not reach the log are decided again.
 */
export function planStep(
  state: StatesState,
  nowMs: number,
  room: number,
  policy: ReconcilingPolicy,
): Decided<OwnBody>[] {
  const { work } = state;
  expireAnswers(state, nowMs, policy);
  while (work.timers.peekRank() <= nowMs) work.targets.add(work.timers.pop()!);
  const step = new Step(room, policy.planBytes);
  if (work.reselectStates.size + work.reselectTenants.size > 0) {
    planMembership(state, step);
    if (!step.empty || work.reselectStates.size + work.reselectTenants.size > 0) return step.events;
  }
  for (const target of work.targets) {
    if (step.full) return step.events;
    const event = look(state, target, nowMs, policy);
    if (event) step.push(event);
    else work.targets.delete(target);
  }
  if (!step.empty) return step.events;
  for (const desired of work.states) {
    if (step.full) return step.events;
    if (!start(state, desired, step, nowMs, policy)) work.states.delete(desired);
  }
  return step.events;
}

/** What a single target calls for: an event, or else its timers are set and its checks arranged. */
function look(
  state: StatesState,
  target: Target,
  nowMs: number,
  policy: ReconcilingPolicy,
): Decided<OwnBody> | null {
  const event = urgent(target, nowMs, policy);
  if (event) return event;
  const { bucket } = place(target, nowMs, policy);
  if (bucket === 'giveUp' && target.stage !== 'given-up') return giveUp(target);
  const { ready } = target.state;
  if (bucket === 'remediate' || bucket === 'retry') {
    ready.add(target);
    state.work.states.add(target.state);
  } else {
    ready.delete(target);
  }
  setTimer(state, target, nowMs, policy);
  arrange(state.work, target, nowMs);
  return null;
}

function urgent(target: Target, nowMs: number, policy: ReconcilingPolicy): Decided<OwnBody> | null {
  const { state, remediation } = target;
  const agent = state.tenant.agents.get(target.agentId);
  if (target.stage === 'requested' && remediation) {
    const result = state.deletedAtMs === null ? agent?.ends.get(remediation.taskId) : undefined;
    if (result) return answered(target, remediation, result, nowMs);
    const reason = withdrawalReason(target, agent);
    if (reason) return withdraw(target, remediation, reason);
    if (nowMs >= answerByMs(remediation, policy)) {
      return failed(target, remediation, { reason: 'remediation_unanswered', counted: false }, nowMs);
    }
  }
  if (state.suspended || state.deletedAtMs !== null) return null;
  if (agent?.standing === 'lost' && !target.obscured) return unknownTarget(target, 'agent_lost');
  return isSilent(target, policy) ? unknownTarget(target, 'no_answer') : null;
}

/** The next moment at which the clock alone changes where the target stands. */
function setTimer(state: StatesState, target: Target, nowMs: number, policy: ReconcilingPolicy): void {
  const { timers } = state.work;
  const atMs = nextTimerMs(target, nowMs, policy);
  if (atMs === null) timers.delete(target);
  else timers.set(target, atMs, target.spread);
}

function nextTimerMs(target: Target, nowMs: number, policy: ReconcilingPolicy): number | null {
  if (target.stage === 'requested' && target.remediation) return answerByMs(target.remediation, policy);
  if (target.finding !== 'drifted' || target.stage !== 'idle') return null;
  const agent = target.state.tenant.agents.get(target.agentId);
  const atMs = Math.max(target.retryAtMs, settlesUntilMs(target, agent, policy));
  if (atMs > nowMs) return atMs;
  const { reason } = place(target, nowMs, policy);
  return isWindowReason(reason) ? finite(windowAt(target.state.spec.windows, nowMs).untilMs) : null;
}

function finite(atMs: number): number | null {
  return Number.isFinite(atMs) ? atMs : null;
}

/** Starts as many remediations as the budgets allow. False when there is nothing more to start now. */
function start(
  state: StatesState,
  desired: DesiredState,
  step: Step,
  nowMs: number,
  policy: ReconcilingPolicy,
): boolean {
  if (desired.suspended || desired.ready.size === 0) return false;
  let places = freePlaces(desired);
  let started = false;
  for (const target of desired.ready) {
    if (places <= 0) break;
    const { bucket } = place(target, nowMs, policy);
    if (bucket !== 'remediate' && bucket !== 'retry') {
      desired.ready.delete(target);
      // A window may have shut since it was found ready, and only the clock opens it again.
      setTimer(state, target, nowMs, policy);
      continue;
    }
    const bytes = requestBytes(target);
    if (!step.fits(1, bytes)) return true;
    step.push(request(target, nowMs, policy), bytes);
    places -= 1;
    started = true;
  }
  return started;
}
