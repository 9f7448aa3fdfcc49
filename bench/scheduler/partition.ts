import { type EventData, type EventType, type Fact } from '@fluxforge/events/catalogue';
import {
  defaultTasksPolicy,
  makeTasksContext,
  type TasksContext,
  type TasksState,
} from '@fluxforge/domain/tasks-context';

export interface Run {
  readonly tenantId: string;
  readonly taskId: string;
  readonly agentId: string;
}

export interface Machine {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly memoryBytes?: number;
}

const startMs = 1_700_000_000_000;
const factsPerMs = 100;
const slots = 4;
const report = 'exec /usr/local/bin/report --since yesterday';

/** A partition's state as facts make it, driven as its owner drives it: plan, fold what was decided, plan again. */
export class Partition {
  readonly context: TasksContext = makeTasksContext(defaultTasksPolicy);
  readonly state: TasksState = this.context.initial(0);
  private nowMs = startMs;
  private facts = 0;

  constructor() {
    this.context.resume(this.state, this.nowMs);
  }

  addTenant(tenantId: string): void {
    const limits = { max_queued_tasks: 10_000_000, max_agents: 100_000, max_states: 1_000 };
    this.fold('tenant.created', tenantId, tenantId, { tenant_id: tenantId, name: tenantId, limits });
  }

  /** It connects as well. */
  addAgent(tenantId: string, { id, labels, memoryBytes }: Machine): void {
    const said = { labels, slots, executors: ['shell' as const] };
    const capacity = memoryBytes === undefined ? {} : { capacity: { memory_bytes: memoryBytes } };
    this.fold('agent.enrolled', tenantId, id, {
      agent_id: id,
      name: id,
      token_id: 'tok',
      credential_hash: 'c'.repeat(64),
      token_labels: {},
      ...said,
      ...capacity,
      agent_version: '1',
    });
    this.fold('agent.found', tenantId, id, { agent_id: id, reason: 'connected' });
    const from = { tenantId, agentId: id, sessionId: `s_${id}` };
    const message = { kind: 'connected' as const, ...from, ...said, ...capacity };
    this.context.observe(this.state, { ...message, agentVersion: '1', inventory: [] }, this.nowMs);
  }

  /** `over` says what is not as usual in the spec of the `n`th task. */
  queue(tenantId: string, n: number, over: object): void {
    const spec = {
      name: 'nightly report',
      labels: { team: 'core' },
      executor: 'shell',
      command: report,
      selector: [],
      priority: 5,
      delivery_timeout_ms: 3_600_000,
      execution_timeout_ms: 60_000,
      kill_grace_ms: 10_000,
      max_attempts: 3,
      backoff: { base_ms: 1_000, max_ms: 60_000 },
      output_limit_bytes: 1_048_576,
      ...over,
    };
    const task = { task_id: `tsk_01J${String(n).padStart(23, '0')}`, life: 1, kind: 'adhoc', spec };
    // As text and back: each fold of the log has strings of its own.
    const data = JSON.parse(JSON.stringify(task)) as EventData<'task.queued'>;
    this.tick();
    this.fold('task.queued', tenantId, data.task_id, data);
  }

  /** One decision: pick, place, lease. Null when nothing fits anywhere. */
  decideOne(): Run | null {
    const event = this.planOne();
    if (!event) return null;
    if (event.type !== 'task.leased') throw new Error(`the plan is ${event.type}`);
    const fact = { ...event, id: 'e', timeMs: this.nowMs } as Fact<typeof event>;
    this.context.evolve(this.state, fact);
    return { tenantId: event.tenantId, taskId: event.data.task_id, agentId: event.data.agent_id };
  }

  /** As often as a plan is asked for again: one that took too long to look through a queue goes on in the next. */
  private planOne(): ReturnType<TasksContext['plan']>[number] | undefined {
    for (;;) {
      const [event] = this.context.plan(this.state, this.nowMs, 1);
      if (event || this.state.open.size === 0) return event;
    }
  }

  /** It comes to a good end. */
  end({ tenantId, taskId, agentId }: Run): void {
    this.tick();
    this.fold('task.ended', tenantId, taskId, {
      task_id: taskId,
      life: 1,
      end: 'succeeded',
      reason: 'exit_zero',
      attempt: 1,
      agent_id: agentId,
      attempts_used: 1,
      outcome: 'exited',
      exit_code: 0,
      duration_ms: 250,
    });
  }

  passMs(spanMs: number): void {
    this.nowMs += spanMs;
  }

  private tick(): void {
    this.facts += 1;
    if (this.facts % factsPerMs === 0) this.nowMs += 1;
  }

  private fold<T extends EventType>(type: T, tenantId: string, subject: string, data: EventData<T>): void {
    const fact = { type, tenantId, subject, data, id: 'e', timeMs: this.nowMs };
    this.context.evolve(this.state, fact as unknown as Parameters<TasksContext['evolve']>[1]);
  }
}
