import { type StatesState, type Target } from '@fluxforge/domain/desired-state';
import {
  explainTarget,
  type Explanation,
  type ReconcilingPolicy,
  type TargetRemedy,
} from '@fluxforge/domain/reconciling';
import { type StatesContext } from '@fluxforge/domain/states-context';
import { isWindowReason } from '@fluxforge/domain/windows';
import { type Counters } from './counters.js';
import { TargetTrial, type TargetAt } from './target-trial.js';
import { insist } from './violation.js';
import { isOpen } from './wall-clock.js';

/** As often as nothing is left to decide, one target is asked why. */
const everyRests = 100;

/**
 * The context as hosts run it, its explanations held to their word: what one names is done on a copy of the states,
 * and then the target must have gone on, or show another rule. What is to come at a time comes then, not before.
 */
export function withTargetExplanations(
  context: StatesContext,
  policy: ReconcilingPolicy,
  counters: Counters,
): StatesContext {
  let rests = 0;
  return {
    ...context,
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      if (events.length > 0 || room < 1) return events;
      rests += 1;
      if (rests % everyRests !== 0) return events;
      const turn = rests / everyRests;
      const asked = pick(state, turn);
      if (asked)
        new Asked(context, policy, state, nowMs, { at: whereIs(asked), turn }, counters).holdToWord();
      return events;
    },
  };
}

/** Mostly of those that are not as they should be. */
function pick(state: StatesState, turn: number): Target | undefined {
  const all = [...state.tenants.values()].flatMap(({ states }) =>
    [...states.values()].flatMap(({ targets }) => [...targets.values()]),
  );
  const flawed = all.filter(({ finding, obscured }) => finding !== 'compliant' || obscured);
  const from = turn % 4 === 0 || flawed.length === 0 ? all : flawed;
  return from[turn % Math.max(1, from.length)];
}

function whereIs({ state, agentId }: Target): TargetAt {
  return { tenantId: state.tenant.id, stateId: state.id, agentId };
}

/** One question about one target. */
class Asked {
  private readonly why: Explanation;

  constructor(
    private readonly context: StatesContext,
    private readonly policy: ReconcilingPolicy,
    private readonly state: StatesState,
    private readonly nowMs: number,
    private readonly about: { readonly at: TargetAt; readonly turn: number },
    private readonly counters: Counters,
  ) {
    this.why = explainTarget(state, about.at, nowMs, policy)!;
  }

  holdToWord(): void {
    const { why } = this;
    this.insist(why.remedies.length > 0, () => 'nothing would help');
    this.insist(why.agentStanding !== 'removed', () => 'a target of an agent that is not there');
    if (why.nextCheckMs !== null) this.holdToNextCheck(why.nextCheckMs);
    if (isWindowReason(why.reason) && why.heldUntilMs !== null) this.holdToWindow(why.heldUntilMs);
    for (const remedy of why.remedies) this.try(remedy);
  }

  private try(remedy: TargetRemedy): void {
    // Nothing is left to decide: what went on by itself would have.
    if (remedy.kind === 'none-needed')
      return this.insist(
        this.why.reason === 'compliant',
        () => 'it is to go on by itself, and nothing is done',
      );
    if (remedy.kind === 'wait-until') this.holdUntil(remedy.atMs);
    const trial = this.trial();
    trial.heed(remedy);
    this.counters.add(`target: ${remedy.kind}`);
    const after = this.explained(trial);
    this.insist(this.hasMovedOn(after), () => `${JSON.stringify(remedy)} does not help`);
  }

  /** The clock lifts it then, and no sooner. */
  private holdUntil(atMs: number): void {
    this.insist(atMs > this.nowMs, () => `until ${atMs}, which is over`);
    const trial = this.trial();
    trial.goTo(atMs - 1);
    const after = this.explained(trial);
    // One window may hand it on to another.
    const isHeld = after && isWindowReason(after.reason) && isWindowReason(this.why.reason);
    this.insist(isHeld || !this.hasMovedOn(after), () => `until ${atMs}, and before that ${after?.reason}`);
  }

  private holdToWindow(opensMs: number): void {
    const { windows = [] } = this.target.state.spec;
    for (const [atMs, open] of [
      [this.nowMs, false],
      [opensMs - 1, false],
      [opensMs, true],
    ] as const)
      this.insist(isOpen(windows, atMs) === open, () => `opens at ${opensMs}, and ${atMs} says otherwise`);
    this.counters.add('window named');
  }

  private holdToNextCheck(atMs: number): void {
    const trial = this.trial();
    // One that is due already goes out in this very turn.
    if (atMs > this.nowMs) trial.goTo(atMs - 1);
    const isEarly = trial.target!.askedRound !== 0;
    this.insist(!isEarly || this.hasMovedOn(this.explained(trial)), () => `it is checked before ${atMs}`);
    trial.goTo(atMs);
    const target = trial.target!;
    const isAsked = target.askedRound !== 0 || trial.isBehindOthers(target);
    this.insist(isAsked || this.hasMovedOn(this.explained(trial)), () => `no check at ${atMs}`);
    this.counters.add('next check named');
  }

  /** Another rule, or another apply. */
  private hasMovedOn(after: Explanation | null): boolean {
    const { reason, taskId } = this.why;
    return after?.reason !== reason || (after.taskId !== null && after.taskId !== taskId);
  }

  private trial(): TargetTrial {
    return new TargetTrial(this.context, this.state, this.about.at, this.nowMs, this.about.turn);
  }

  private explained({ state, nowMs }: TargetTrial): Explanation | null {
    return explainTarget(state, this.about.at, nowMs, this.policy);
  }

  private get target(): Target {
    const { tenantId, stateId, agentId } = this.about.at;
    return this.state.tenants.get(tenantId)!.states.get(stateId)!.targets.get(agentId)!;
  }

  private insist(holds: boolean, detail: () => string): void {
    const { tenantId, stateId, agentId } = this.about.at;
    insist(holds, 'explain', () => `${tenantId}/${stateId}/${agentId}: ${this.why.reason}: ${detail()}`);
  }
}
