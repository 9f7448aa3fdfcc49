import { type LeaseRef, type RunReport } from '@fluxforge/domain/agent';
import { type TasksEffect } from '@fluxforge/domain/tasks-context';
import { type CheckResult, type ContextName } from '@fluxforge/events/catalogue';
import { header } from '@fluxforge/events/envelope';
import { formatTerm, type EpochTerm } from '@fluxforge/events/journal';
import { type StoredRecord, type TopicPartition } from '@fluxforge/events/log';
import { type HostSettings } from '@fluxforge/events/partition-host';
import { type Topics } from '@fluxforge/events/topics';
import { AdmissionModels } from './admission-models.js';
import { CeilingModel } from './ceiling-model.js';
import { type Counters } from './counters.js';
import { DeadlineModel } from './deadline-model.js';
import { type Accepted, JournalModel } from './journal-model.js';
import { keyText } from './messages.js';
import { type Scenario } from './scenario.js';
import { ScheduleModel } from './schedule-model.js';
import { findingKey, StatesModel } from './states-model.js';
import { type attemptKey, TasksModel } from './tasks-model.js';
import { type Timeline } from './timeline.js';
import { confirmIntervalMs } from './timing.js';
import { insist } from './violation.js';

interface Sent {
  landed: number;
  answers: number;
  lastAnswerAt: number;
  acknowledged: boolean;
}

/** Sees all that lands in the log and all that leaves a process, and holds it against the promises. */
export class Witness {
  readonly journals: Readonly<Record<ContextName, readonly JournalModel[]>>;
  readonly tasks: TasksModel;
  readonly states: StatesModel;
  /** By partition. */
  readonly admission: readonly AdmissionModels[];
  readonly ceilings: readonly CeilingModel[];
  readonly schedules: readonly ScheduleModel[];
  private readonly deadlines: readonly DeadlineModel[];
  /** Set by the world: whether an agent runs an attempt within its own time. */
  runsInTime: (tenantId: string, agentId: string, key: string) => boolean = () => false;
  private readonly commands = new Map<string, Sent>();
  private readonly succeededRuns = new Set<string>();
  private readonly requestedTasks = new Set<string>();
  private readonly leases = new Set<string>();
  private readonly leaders = new Map<string, object>();
  /** What nobody can understand and nobody has parked yet. */
  private readonly poison = new Set<string>();
  private unanswered = 0;

  constructor(
    scenario: Scenario,
    private readonly timeline: Timeline,
    private readonly topics: Topics,
    private readonly counters: Counters,
  ) {
    const journals = (context: ContextName): JournalModel[] =>
      Array.from({ length: scenario.partitions }, (_, p) => new JournalModel(context, p, counters));
    this.journals = { tasks: journals('tasks'), states: journals('states') };
    const evidence = {
      succeeded: (tenant: string, agent: string, key: string) =>
        this.succeededRuns.has(`${tenant}/${agent}/${key}`),
      running: (tenant: string, agent: string, key: string) => this.runsInTime(tenant, agent, key),
      wasRequested: (tenant: string, task: string) => this.requestedTasks.has(`${tenant}/${task}`),
    };
    this.tasks = new TasksModel(scenario, evidence, counters);
    const quiet = scenario.flood?.quietTenant ?? null;
    this.admission = this.journals.tasks.map(
      () => new AdmissionModels(counters, scenario.tasksPolicy, quiet),
    );
    const { defaultMaxStates: maxStates, defaultMaxDeclaredBytes: maxBytes } = scenario.statesPolicy;
    this.ceilings = this.journals.tasks.map(() => new CeilingModel(counters, { maxStates, maxBytes }));
    this.states = new StatesModel(this.tasks, counters, scenario.nodes.skewMs);
    this.schedules = this.journals.tasks.map(() => new ScheduleModel(counters));
    this.deadlines = this.journals.tasks.map(() => new DeadlineModel(counters));
  }

  landed({ topic, partition }: TopicPartition, records: readonly StoredRecord[]): void {
    const context = topic === this.topics.events.tasks ? 'tasks' : 'states';
    if (topic === this.topics.events[context]) {
      for (const record of records) this.event(this.journals[context][partition] as JournalModel, record);
    } else {
      for (const record of records) this.command(topic, partition, record);
    }
  }

  /** Somebody sends this: only now may anything come of it. */
  submitted(commandId: string, tenantId: string, taskId: string | null): void {
    this.commands.set(commandId, { landed: 0, answers: 0, lastAnswerAt: -1, acknowledged: false });
    if (taskId !== null) this.requestedTasks.add(`${tenantId}/${taskId}`);
  }

  /** Its sender was told 202. */
  acknowledged(commandId: string): void {
    const sent = this.commands.get(commandId);
    if (!sent || sent.acknowledged) return;
    sent.acknowledged = true;
    if (sent.answers === 0) this.unanswered += 1;
  }

  started(tenantId: string, agentId: string, key: LeaseRef): void {
    const was = this.leases.has(`${tenantId}/${agentId}/${keyText(key)}`);
    insist(was, 'effects after commit', () => `${agentId} starts ${keyText(key)}, which the log gave nobody`);
    this.states.windows.started(tenantId, key.taskId, this.timeline.nowMs);
  }

  ran(tenantId: string, agentId: string, key: LeaseRef, run: RunReport): void {
    if (run.outcome !== 'exited' || run.exit_code !== 0) return;
    this.succeededRuns.add(`${tenantId}/${agentId}/${keyText(key)}`);
  }

  checked(
    tenantId: string,
    agentId: string,
    finding: Pick<CheckResult, 'state_id' | 'round' | 'outcome' | 'exit_code'>,
  ): void {
    this.states.found.add(findingKey(tenantId, agentId, finding));
  }

  /** An agent is told that its report is safe. */
  settled(tenantId: string, key: string): void {
    const safe = this.tasks.reported.has(`${tenantId}/${key}`);
    insist(
      safe,
      'I1 acknowledged is durable',
      () => `the report of ${key} was acknowledged and is not in the log`,
    );
  }

  /** A host says that its claim counts. A term has one owner: one process, not only one name. */
  leads(process: object, unit: string, terms: EpochTerm): void {
    this.counters.add('takeover');
    const term = `${unit} ${formatTerm(terms)}`;
    const other = this.leaders.get(term);
    insist(other === undefined, 'one owner of a term', () => `${term} is led by two processes`);
    this.leaders.set(term, process);
  }

  /** Something leaves an owner. `offset` is that of the event which justifies it, if one does. */
  effect(settings: HostSettings, terms: EpochTerm, effect: TasksEffect | null, offset: number | null): void {
    const { context, partition, ownerId } = settings;
    const journal = this.journals[context][partition] as JournalModel;
    const goneMs = this.timeline.nowMs - journal.supersededAtMs(terms);
    insist(
      goneMs <= confirmIntervalMs,
      'owners fall silent',
      () => `${journal.name} by ${ownerId}, superseded ${goneMs} ms ago`,
    );
    if (!effect) return;
    if (offset !== null) this.justified(journal, effect, offset);
    if (effect.kind !== 'push-lease') return;
    const key = `${effect.tenantId}/${effect.agentId}/${keyText(effect)}`;
    insist(this.leases.has(key), 'effects after commit', () => `${key} is pushed, and is not in the log`);
  }

  /** An owner has looked at everything and has nothing to decide at this time of its clock. */
  rested({ context, partition }: HostSettings, terms: EpochTerm, nowMs: number): void {
    const journal = this.journals[context][partition] as JournalModel;
    // Who does not know yet that another has claimed the partition does not know what that one wrote.
    if (context !== 'tasks' || journal.supersededAtMs(terms) !== Infinity) return;
    this.deadlines[partition]?.rested(nowMs);
    this.schedules[partition]?.rested(nowMs);
    this.admission[partition]?.fanouts.rested();
  }

  /** The dead letters topic has this record. */
  parked({ topic, partition }: TopicPartition, offset: number): void {
    this.poison.delete(`${topic}/${partition}/${offset}`);
  }

  unfinished(): string | null {
    for (const record of this.poison) return `I16: poison ${record} was never parked`;
    if (this.unanswered > 0) {
      for (const [id, sent] of this.commands) {
        if (sent.acknowledged && sent.answers === 0)
          return `I1: command ${id} was accepted and never answered`;
      }
    }
    for (const { fanouts } of this.admission) {
      const fanout = fanouts.unfinished();
      if (fanout !== null) return fanout;
    }
    if (this.tasks.alive === 0) return null;
    for (const task of this.tasks.tasks.values()) {
      if (task.end !== null) continue;
      return `P2: task ${task.tenantId}/${task.id} has not ended (attempt ${task.attempts})`;
    }
    return null;
  }

  private justified(journal: JournalModel, effect: TasksEffect, offset: number): void {
    const fact = journal.at(offset)?.event.fact;
    const what = `${effect.kind} for offset ${offset} of ${journal.name}`;
    insist(fact !== undefined, 'effects after commit', () => `${what}: no reader accepts it`);
    const ofTenant = !('tenantId' in effect) || fact.tenantId === effect.tenantId;
    const fits = effectsOf[effect.kind].some((type) => type === fact.type) && ofTenant;
    insist(fits, 'effects after commit', () => `${what}: that is ${fact.type} of ${fact.tenantId}`);
  }

  private event(journal: JournalModel, record: StoredRecord): void {
    const accepted = journal.read(record, this.timeline.nowMs);
    this.timeline.note(() => tell(journal, record, accepted));
    if (!accepted) return;
    this.answered(accepted);
    const { fact } = accepted.event;
    if (fact.type === 'task.leased') {
      this.leases.add(leaseKey(fact.tenantId, fact.data));
      this.states.windows.leased(fact);
    }
    if (fact.type === 'remediation.requested')
      this.requestedTasks.add(`${fact.tenantId}/${fact.data.task_id}`);
    if (fact.type === 'schedule.fired' && fact.data.task_id !== undefined)
      this.requestedTasks.add(`${fact.tenantId}/${fact.data.task_id}`);
    // Whether a fan-out called for it is its own model's to judge.
    if ((fact.type === 'task.queued' || fact.type === 'task.rejected') && fact.data.batch?.fanout_id) {
      this.requestedTasks.add(`${fact.tenantId}/${fact.data.task_id}`);
    }
    if (journal.context === 'tasks') {
      this.tasks.fold(accepted);
      this.deadlines[journal.partition]?.fold(fact);
      this.schedules[journal.partition]?.fold(fact);
      this.admission[journal.partition]?.fold(fact);
      this.ceilings[journal.partition]?.foldTasks(fact, accepted.offset);
    } else {
      this.states.fold(fact);
      this.ceilings[journal.partition]?.foldStates(fact, accepted.foreignNext);
    }
    if (fact.type === 'command.accepted' && fact.data.resource_id?.startsWith('key-')) {
      this.counters.add('duplicate key');
    }
  }

  private command(topic: string, partition: number, record: StoredRecord): void {
    const sent = this.commands.get(record.headers[header.id] ?? '');
    if (sent) sent.landed += 1;
    else this.poison.add(`${topic}/${partition}/${record.offset}`);
  }

  /** The events of one decision lie together; a command in the log once is decided once. */
  private answered({ event, offset }: Accepted): void {
    if (event.commandId === null) return;
    const sent = this.commands.get(event.commandId);
    insist(sent !== undefined && sent.landed > 0, 'I1b no phantom', () => `answer to ${event.commandId}`);
    if (sent.lastAnswerAt !== offset - 1) {
      sent.answers += 1;
      const once = sent.answers <= sent.landed;
      insist(once, 'inputs once', () => `command ${event.commandId} was decided ${sent.answers} times`);
      if (sent.answers === 1 && sent.acknowledged) this.unanswered -= 1;
    }
    sent.lastAnswerAt = offset;
  }
}

function tell({ name }: JournalModel, { offset, headers }: StoredRecord, accepted: Accepted | null): string {
  const where = `${name}@${offset} ${headers['ff_term']}`;
  if (!accepted) return `${where} void or claim ${headers['ce_type']} of ${headers['ff_owner']}`;
  const { type, tenantId, data } = accepted.event.fact;
  return `${where} ${type} ${tenantId} ${JSON.stringify(data).slice(0, 300)}`;
}

/** The events that each kind of effect can come from. */
const effectsOf: Record<TasksEffect['kind'], readonly string[]> = {
  'push-lease': ['task.leased'],
  'push-cancel': ['task.cancel-requested', 'task.move-requested'],
  'drop-lease': ['task.attempt-ended', 'task.ended'],
  'ask-heartbeat': [],
  'close-agent': ['agent.removed'],
  'directory-tenant': ['tenant.created', 'tenant.limits-set', 'tenant.mode-set', 'tenant.overload-set'],
  'directory-mode': ['cluster.mode-set'],
  'directory-key': ['tenant.key-added', 'tenant.key-revoked'],
};

function leaseKey(tenantId: string, data: Parameters<typeof attemptKey>[1] & { agent_id: string }): string {
  return `${tenantId}/${data.agent_id}/${data.task_id}/${data.life}/${data.attempt}`;
}
