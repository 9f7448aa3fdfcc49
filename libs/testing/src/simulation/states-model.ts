import {
  type Budget,
  type CheckResult,
  type EventData,
  type Fact,
  type StateSpec,
} from '@fluxforge/events/catalogue';
import { matchesSelector } from '@fluxforge/domain/kernel';
import { versionOf } from '../workload/index.js';
import { type Counters } from './counters.js';
import { type Machines } from './machines.js';
import { type TasksModel } from './tasks-model.js';
import { insist } from './violation.js';
import { WindowModel } from './window-model.js';

interface TargetModel {
  readonly agentId: string;
  finding: 'none' | 'compliant' | 'drifted';
  obscured: boolean;
  stage: 'idle' | 'requested' | 'applied' | 'given-up';
  remediation: { readonly attempt: number; readonly taskId: string; readonly generation: number } | null;
  lastAttempt: number;
  failures: number;
}

export interface StateModel {
  readonly tenantId: string;
  readonly id: string;
  generation: number;
  spec: StateSpec;
  suspended: boolean;
  deleted: boolean;
  readonly targets: Map<string, TargetModel>;
}

type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;
type TargetFact = Of<
  | 'target.compliant'
  | 'target.unknown'
  | 'drift.detected'
  | 'remediation.requested'
  | 'remediation.withdrawn'
  | 'remediation.applied'
  | 'remediation.failed'
  | 'compliance.restored'
  | 'remediation.given-up'
>;
type Finding = Pick<CheckResult, 'state_id' | 'round' | 'outcome' | 'exit_code'>;

export function findingKey(tenantId: string, agentId: string, finding: Finding): string {
  const { state_id: id, round, outcome, exit_code: code } = finding;
  return `${tenantId}/${agentId}/${id}/${round}/${outcome}/${code ?? ''}`;
}

/** A reference model of desired states: above all, nothing is applied without drift at this generation. */
export class StatesModel {
  readonly states = new Map<string, StateModel>();
  /** Everything that a check has really found. */
  readonly found = new Set<string>();
  readonly windows: WindowModel;
  private readonly taskIds = new Set<string>();

  constructor(
    private readonly tasks: TasksModel,
    private readonly counters: Counters,
    skewMs: number,
  ) {
    this.windows = new WindowModel(counters, skewMs);
  }

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'state.declared':
        return this.declared(fact.tenantId, fact.data);
      case 'state.updated':
        return this.updated(fact);
      case 'state.suspended':
      case 'state.resumed':
        this.state(fact).suspended = fact.type === 'state.suspended';
        return;
      case 'state.deleted':
        this.state(fact).deleted = true;
        return;
      case 'targets.changed':
        return this.targetsChanged(fact);
      case 'target.compliant':
      case 'target.unknown':
      case 'drift.detected':
      case 'remediation.requested':
      case 'remediation.withdrawn':
      case 'remediation.applied':
      case 'remediation.failed':
      case 'compliance.restored':
      case 'remediation.given-up':
        return this.target(fact);
      default:
        return;
    }
  }

  find(tenantId: string, stateId: string): StateModel | undefined {
    return this.states.get(`${tenantId}/${stateId}`);
  }

  wasRequested(taskId: string): boolean {
    return this.taskIds.has(taskId);
  }

  /** The first target that has not come to rest where it should, or null. */
  unsettled(machines: Machines): string | null {
    for (const state of this.states.values()) {
      if (state.deleted) continue;
      const flaw = this.wrongTargets(state);
      if (flaw) return flaw;
      if (state.suspended) continue;
      for (const target of state.targets.values()) {
        const why = this.restless(state, target, machines);
        if (why) return `${state.tenantId}/${state.id}/${target.agentId}: ${why}`;
      }
    }
    return null;
  }

  private wrongTargets(state: StateModel): string | null {
    let wanted = 0;
    for (const agent of this.tasks.agents.values()) {
      if (agent.tenantId !== state.tenantId || !matchesSelector(state.spec.selector, agent.labels)) continue;
      wanted += 1;
      if (!state.targets.has(agent.id)) return `${state.id} lacks ${agent.id}`;
    }
    return wanted === state.targets.size
      ? null
      : `${state.id} has ${state.targets.size} targets, not ${wanted}`;
  }

  private restless(state: StateModel, target: TargetModel, machines: Machines): string | null {
    const machine = `${state.tenantId}/${target.agentId}`;
    if (machines.isMute(machine, state.id))
      return target.finding === 'none' ? null : 'mute, and something was found';
    if (target.obscured || target.finding === 'none') return 'nothing is known';
    const right = machines.isRight(machine, state.id, versionOf(state.spec));
    if (right !== (target.finding === 'compliant'))
      return `${target.finding}, in truth ${right ? 'right' : 'wrong'}`;
    if (right) return target.stage === 'idle' ? null : `right and ${target.stage}`;
    if (state.spec.mode === 'check_only' || target.stage === 'given-up') return null;
    return this.failuresSpent(state) && target.stage === 'idle' ? null : `drifted and ${target.stage}`;
  }

  private declared(tenantId: string, data: EventData<'state.declared'>): void {
    const before = this.find(tenantId, data.state_id);
    insist(!before || before.deleted, 'one declaration', () => data.state_id);
    const { state_id: id, generation, spec } = data;
    this.windows.declared(spec, id);
    const fresh = { suspended: false, deleted: false, targets: new Map<string, TargetModel>() };
    this.states.set(`${tenantId}/${id}`, { tenantId, id, generation, spec, ...fresh });
  }

  private updated(fact: Of<'state.updated'>): void {
    const state = this.state(fact);
    const { generation, spec } = fact.data;
    insist(generation >= state.generation, 'I11b generation', () => `${state.id}: ${generation}`);
    this.windows.declared(spec, state.id);
    const isNew = generation > state.generation;
    state.generation = generation;
    state.spec = spec;
    if (!isNew) return;
    for (const target of state.targets.values()) {
      target.finding = 'none';
      target.obscured = false;
      target.failures = 0;
      target.lastAttempt = 0;
      if (target.stage !== 'requested') target.stage = 'idle';
    }
  }

  private targetsChanged(fact: Of<'targets.changed'>): void {
    const state = this.state(fact);
    for (const agentId of fact.data.added) {
      insist(!state.targets.has(agentId), 'targets', () => `${state.id} gains ${agentId} twice`);
      state.targets.set(agentId, {
        agentId,
        finding: 'none',
        obscured: false,
        stage: 'idle',
        remediation: null,
        lastAttempt: 0,
        failures: 0,
      });
    }
    for (const { agent_id: agentId } of fact.data.removed) {
      const target = state.targets.get(agentId);
      insist(target !== undefined, 'targets', () => `${state.id} loses ${agentId}, which it had not`);
      insist(target.stage !== 'requested', 'targets', () => `${state.id} loses ${agentId} during an apply`);
      state.targets.delete(agentId);
    }
  }

  private target(fact: TargetFact): void {
    const state = this.find(fact.tenantId, fact.data.state_id);
    const target = state?.targets.get(fact.data.agent_id);
    const what = `${fact.type} of ${fact.tenantId}/${fact.data.state_id}/${fact.data.agent_id}`;
    insist(state !== undefined && target !== undefined, 'I6 tenants', () => `${what}, which is not there`);
    switch (fact.type) {
      case 'target.compliant':
      case 'compliance.restored':
        this.insistFound(fact.tenantId, fact.data, (code) => code === 0);
        this.insistCurrent(state, fact.data.generation, what);
        if (fact.type === 'compliance.restored') this.counters.add('restored compliance');
        target.finding = 'compliant';
        target.obscured = false;
        target.stage = 'idle';
        target.failures = 0;
        return;
      case 'drift.detected':
        this.insistFound(fact.tenantId, fact.data, isDrift);
        this.insistCurrent(state, fact.data.generation, what);
        target.finding = 'drifted';
        target.obscured = false;
        return;
      case 'target.unknown':
        this.insistCurrent(state, fact.data.generation, what);
        this.counters.add('unknown target');
        target.obscured = true;
        return;
      case 'remediation.requested':
        this.windows.requested(fact, state.spec.windows);
        return this.requested(state, target, fact.data);
      case 'remediation.given-up':
        insist(
          target.failures >= state.spec.attempts,
          'attempts of a state',
          () => `${what} after ${target.failures}`,
        );
        this.counters.add('given up');
        target.stage = 'given-up';
        return;
      case 'remediation.withdrawn':
      case 'remediation.applied':
      case 'remediation.failed':
        return this.over(state, target, fact, what);
    }
  }

  private requested(state: StateModel, target: TargetModel, data: EventData<'remediation.requested'>): void {
    const what = `${data.task_id} of ${state.id}/${target.agentId}`;
    this.insistCurrent(state, data.generation, what);
    const drifted = target.finding === 'drifted' && !target.obscured;
    insist(
      drifted,
      'I11a no apply without drift',
      () => `${what}: ${target.finding}, obscured ${target.obscured}`,
    );
    insist(
      !state.suspended && !state.deleted,
      'I11a no apply without drift',
      () => `${what}: suspended or deleted`,
    );
    insist(state.spec.mode === 'enforce', 'I11a no apply without drift', () => `${what}: only checked`);
    insist(target.stage === 'idle', 'one apply at a time', () => `${what} while ${target.stage}`);
    insist(
      target.failures < state.spec.attempts,
      'attempts of a state',
      () => `${what} after ${target.failures}`,
    );
    insist(data.attempt > target.lastAttempt, 'I3a attempts rise', () => `${what}: ${data.attempt}`);
    insist(!this.taskIds.has(data.task_id), 'I3a attempts rise', () => `${what} was asked for before`);
    this.insistBudgets(state, what);
    this.taskIds.add(data.task_id);
    target.lastAttempt = data.attempt;
    target.stage = 'requested';
    target.remediation = { attempt: data.attempt, taskId: data.task_id, generation: data.generation };
  }

  private insistBudgets(state: StateModel, what: string): void {
    let occupied = 0;
    for (const { stage, obscured } of state.targets.values()) {
      if (stage === 'requested' || (stage === 'applied' && !obscured)) occupied += 1;
    }
    const places = Math.max(1, allowance(state.spec.max_concurrency, state.targets.size));
    insist(occupied < places, 'I11f budgets', () => `${what}: ${occupied} of ${places} places`);
    insist(!this.failuresSpent(state), 'I11f budgets', () => `${what}: too many were given up`);
  }

  private failuresSpent({ targets, spec }: StateModel): boolean {
    let givenUp = 0;
    for (const { stage } of targets.values()) if (stage === 'given-up') givenUp += 1;
    return givenUp > allowance(spec.max_failures, targets.size);
  }

  private over(
    state: StateModel,
    target: TargetModel,
    fact: Of<'remediation.withdrawn' | 'remediation.applied' | 'remediation.failed'>,
    what: string,
  ): void {
    const { remediation, stage } = target;
    const same = remediation?.taskId === fact.data.task_id;
    const inFlight = stage === 'requested' || (stage === 'applied' && fact.type === 'remediation.failed');
    insist(same && inFlight, 'one apply at a time', () => `${what} of ${fact.data.task_id} while ${stage}`);
    if (fact.type === 'remediation.failed') {
      this.windows.failed(fact, fact.data.generation === state.generation);
    }
    if (fact.type === 'remediation.applied') {
      const task = this.tasks.find(fact.tenantId, fact.data.task_id);
      insist(
        task?.end === 'succeeded',
        'foreign view',
        () => `${what}: its task ${task?.end ?? 'is not there'}`,
      );
      // An apply of an earlier generation has nothing to show any more.
      target.stage = fact.data.generation === state.generation ? 'applied' : 'idle';
      return;
    }
    target.stage = 'idle';
    target.remediation = null;
    if (fact.type === 'remediation.withdrawn') this.counters.add('withdrawn');
    // What an earlier generation's apply came to is none of this one's failures.
    else if (fact.data.counted && fact.data.generation === state.generation) target.failures += 1;
    // The apply succeeded, and the check that was to show it found drift: that is a finding as well.
    if (fact.type === 'remediation.failed' && fact.data.end === 'succeeded') target.obscured = false;
  }

  /** What the log says was found, a check has found on that machine in that round. */
  private insistFound(
    tenantId: string,
    data: Finding & { readonly agent_id: string },
    fits: (exitCode: number) => boolean,
  ): void {
    const { outcome, exit_code: code } = data;
    const says = outcome === 'exited' && code !== undefined && fits(code);
    insist(says, 'unknown is not drift', () => `${data.state_id}/${data.agent_id}: ${outcome} ${code}`);
    const key = findingKey(tenantId, data.agent_id, data);
    insist(this.found.has(key), 'I2x evidence', () => `no check ever found ${key}`);
  }

  private insistCurrent(state: StateModel, generation: number, what: string): void {
    const current = generation === state.generation;
    insist(current, 'I11a this generation', () => `${what} at ${generation}, current is ${state.generation}`);
  }

  private state(fact: Fact & { data: { state_id: string } }): StateModel {
    const state = this.find(fact.tenantId, fact.data.state_id);
    insist(
      state !== undefined && !state.deleted,
      'I6 tenants',
      () => `${fact.type} of ${fact.data.state_id}`,
    );
    return state;
  }
}

function isDrift(code: number): boolean {
  return code !== 0 && code !== 126 && code !== 127;
}

function allowance(budget: Budget, targets: number): number {
  return 'count' in budget ? budget.count : Math.ceil((budget.percent * targets) / 100);
}
