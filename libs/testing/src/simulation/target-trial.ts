import { findTarget, roundOf, type StatesState, type Target } from '@fluxforge/domain/desired-state';
import { decided, PriorityQueue } from '@fluxforge/domain/kernel';
import { type ReconcilerMessage, type StateChange, type TargetRemedy } from '@fluxforge/domain/reconciling';
import { type StatesContext } from '@fluxforge/domain/states-context';
import { type Decided, type StateSpec, type TasksEventBody } from '@fluxforge/events/catalogue';
import { TrialHost } from './trial-host.js';
import { insist } from './violation.js';

const mostChecks = 200;
const ends = [
  ['succeeded', 'exit_zero'],
  ['failed', 'exit_nonzero'],
  ['cancelled', 'cancelled_by_user'],
  ['expired', 'not_after_passed'],
] as const;

export interface TargetAt {
  readonly tenantId: string;
  readonly stateId: string;
  readonly agentId: string;
}

/** A copy of a partition's states, what is momentary included, in which what a remedy of one target names is done. */
export class TargetTrial {
  readonly state: StatesState;
  private readonly host;

  constructor(
    private readonly context: StatesContext,
    state: StatesState,
    private readonly at: TargetAt,
    nowMs: number,
    /** Which of the ways that a remedy leaves open. */
    private readonly turn: number,
  ) {
    this.state = copyOf(state);
    this.host = new TrialHost(context, this.state, nowMs);
  }

  get nowMs(): number {
    return this.host.nowMs;
  }

  get target(): Target | undefined {
    return this.targetOn(this.at.agentId);
  }

  heed(remedy: TargetRemedy): void {
    const { agentId } = this.at;
    switch (remedy.kind) {
      case 'wait-until':
        return this.goTo(remedy.atMs);
      case 'await-check':
        return this.check(agentId, this.turn % 2);
      case 'end-task':
        return this.endTask(remedy.taskId, ends[this.turn % ends.length]!);
      case 'resume-state':
        this.host.decide({ type: 'state.resume', data: { state_id: this.at.stateId } }, this.at.tenantId);
        return this.settle();
      case 'connect-agent':
        return this.connect(remedy.agentId);
      case 'undrain-agent':
        return this.undrain(remedy.agentId);
      case 'finish-applies':
      case 'mend-agents':
        for (const one of remedy.agentIds) this.finish(one);
        return;
      case 'change-state':
        return this.change(remedy.change);
      case 'enforce-state':
        insist(!remedy.needsApplyCmd, 'explain', () => 'a state without a command, of which there is none');
        return this.change({ mode: remedy.mode });
      case 'none-needed':
        return;
    }
  }

  /** Nothing happens meanwhile; no check is answered either. */
  goTo(atMs: number): void {
    this.host.nowMs = Math.max(this.nowMs, atMs);
    this.settle();
  }

  /** The next check of the target on one agent, at the time at which it is asked for by itself. */
  private check(agentId: string, exitCode: number): void {
    // For some there is room already, and the turn is not over.
    this.settle();
    for (let i = 0; i < mostChecks; i++) {
      const target = this.targetOn(agentId);
      if (!target) return;
      if (target.askedRound !== 0) return this.answer(target, exitCode);
      if (this.isBehindOthers(target)) this.answerOthers(target);
      else this.goTo(this.dueMs(target));
    }
    insist(false, 'explain', () => `${this.at.stateId}/${agentId}: its check is never asked for`);
  }

  private dueMs(target: Target): number {
    const atMs = this.state.work.due.rankOf(target);
    insist(atMs !== undefined, 'explain', () => `${target.state.id}/${target.agentId}: no check is to come`);
    return atMs;
  }

  /** Its agent has been asked for as many checks as it may. */
  isBehindOthers(target: Target): boolean {
    return target.state.tenant.byAgent.get(target.agentId)?.backlog.has(target) ?? false;
  }

  private answerOthers(target: Target): void {
    const { targets } = target.state.tenant.byAgent.get(target.agentId)!;
    const asked = [...targets.values()].filter(({ askedRound }) => askedRound !== 0);
    for (const other of asked) this.answer(other, asKnown(other));
  }

  private answer(target: Target, exitCode: number): void {
    const { state, agentId } = target;
    const result: ReconcilerMessage['result'] = {
      state_id: state.id,
      generation: state.generation,
      round: roundOf(target),
      outcome: 'exited',
      exit_code: exitCode,
      duration_ms: 1,
    };
    this.host.hear({ kind: 'check-result', tenantId: state.tenant.id, agentId, result });
    this.settle();
  }

  /** Somebody saw to it: what is in flight comes to its end, and the next check finds it compliant. */
  private finish(agentId: string): void {
    if (this.agent(agentId)?.standing !== 'found') this.connect(agentId);
    const target = this.targetOn(agentId);
    if (target?.stage === 'requested' && target.remediation) this.endTask(target.remediation.taskId, ends[0]);
    this.check(agentId, 0);
  }

  /** And then all are checked anew, first the others: those find what they found before, and this one drift. */
  private change(change: StateChange | Pick<StateSpec, 'mode'>): void {
    const { stateId, tenantId, agentId } = this.at;
    const { name, labels, spec, targets } = this.target!.state;
    const others = [...targets.values()].filter((one) => one.agentId !== agentId);
    const found = others.map((one) => [one.agentId, asKnown(one)] as const);
    const data = { state_id: stateId, name, labels, spec: { ...spec, ...change } as StateSpec };
    this.host.decide({ type: 'state.update', data }, tenantId);
    this.settle();
    for (const [other, exitCode] of found) if (this.isCheckedSoon(other)) this.check(other, exitCode);
    this.check(agentId, 1);
  }

  private isCheckedSoon(agentId: string): boolean {
    return this.agent(agentId)?.standing === 'found' && this.targetOn(agentId)?.stage === 'idle';
  }

  private endTask(taskId: string, [end, reason]: (typeof ends)[number]): void {
    const { agentId, stateId } = this.at;
    const target = [...this.target!.state.targets.values()].find(
      ({ remediation, settling }) => remediation?.taskId === taskId || settling?.taskId === taskId,
    );
    const { generation = 1, attempt = 1 } = target?.remediation ?? {};
    const origin = { state_id: stateId, agent_id: target?.agentId ?? agentId, generation, attempt };
    const data = { task_id: taskId, life: 1, end, reason, attempts_used: 1, origin };
    this.foreign(decided('task.ended', this.at.tenantId, taskId, data));
  }

  private undrain(agentId: string): void {
    const data = { agent_id: agentId, drain: false };
    this.foreign(decided('agent.drain-set', this.at.tenantId, agentId, data));
  }

  private connect(agentId: string): void {
    const data = { agent_id: agentId, reason: 'connected' } as const;
    this.foreign(decided('agent.found', this.at.tenantId, agentId, data));
  }

  private foreign(event: Decided<TasksEventBody>): void {
    this.host.hearForeign(event);
    this.settle();
  }

  private settle(): void {
    this.host.settle();
    this.context.pulse(this.state, this.nowMs);
  }

  private targetOn(agentId: string): Target | undefined {
    return findTarget(this.state, this.at.tenantId, this.at.stateId, agentId);
  }

  private agent(id: string) {
    return this.state.tenants.get(this.at.tenantId)?.agents.get(id);
  }
}

function asKnown({ finding, obscured }: Target): number {
  return finding === 'compliant' && !obscured ? 0 : 1;
}

/** Copied as plain objects, queues included: those are made queues again. */
function copyOf(state: StatesState): StatesState {
  const copy = structuredClone(state);
  const { due, answers, timers } = copy.work;
  for (const queue of [due, answers, timers]) Object.setPrototypeOf(queue, PriorityQueue.prototype);
  return copy;
}
