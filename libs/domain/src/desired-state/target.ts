import { type TaskEnd } from '@fluxforge/events/catalogue';
import { hash32 } from '@fluxforge/domain/kernel';
import { type DesiredState, type Target } from './model.js';

/** Rounds of one epoch; a target that times out more often stays at the last. */
export const roundsPerEpoch = 65536;

export function newTarget(state: DesiredState, agentId: string): Target {
  const epoch = ++state.epochs;
  return {
    state,
    agentId,
    born: epoch,
    epoch,
    finding: 'none',
    obscured: false,
    stage: 'idle',
    remediation: null,
    settling: null,
    requests: 0,
    attemptsUsed: 0,
    failures: 0,
    retryAtMs: 0,
    confirmed: false,
    spread: hash32(`${state.id}/${agentId}`),
    timeouts: 0,
    missed: 0,
    unknowns: 0,
    driftSeenEpoch: 0,
    askedRound: 0,
    soonMs: newTargetWithinMs,
  };
}

/** A new target is checked within this time; many that come at once are spread over it. */
export const newTargetWithinMs = 1000;

/** Checks of an agent that is back are spread over this time: thousands may come back at once. */
export const foundAgainWithinMs = 5000;

export function roundOf(target: Target): number {
  return target.epoch * roundsPerEpoch + target.timeouts;
}

export function enterEpoch(target: Target, epoch: number): void {
  target.epoch = epoch;
  target.timeouts = 0;
  target.missed = 0;
  target.unknowns = 0;
}

/** Whether it takes one of the places that `max_concurrency` gives: asked for, or not verified yet. */
export function occupies(target: Target): boolean {
  return target.stage === 'requested' || (target.stage === 'applied' && !target.obscured);
}

/** Drift of this generation that is known now, and known to be from after the last apply. */
export function driftConfirmed(target: Target): boolean {
  return target.confirmed || target.driftSeenEpoch === target.epoch;
}

/**
 * Whether the apply may have changed something on the agent, so that the drift must be seen again before
 * another one. Not when it was never admitted, and not when the check that judged it is the very finding.
 */
export function needsNewFinding(end: TaskEnd | undefined): boolean {
  return end !== 'rejected' && end !== 'succeeded';
}
