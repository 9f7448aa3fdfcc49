import { type EventData, type EventType, type Fact } from '@fluxforge/events/catalogue';
import {
  defaultTasksPolicy,
  makeTasksContext,
  type TasksContext,
  type TasksState,
} from '@fluxforge/domain/tasks-context';

export interface Size {
  readonly tenants: number;
  readonly agents: number;
  readonly tasks: number;
}

interface Run {
  readonly tenantId: string;
  readonly taskId: string;
  readonly agentId: string;
}

const zones = ['eu-north', 'eu-west', 'us-east', 'us-west'] as const;
const disks = ['ssd', 'hdd'] as const;
const slots = 4;
const report = 'exec /usr/local/bin/report --since yesterday';
const startMs = 1_700_000_000_000;
const queuedPerMs = 100;

/** A fixed sequence: the same numbers in every run. */
export class Sequence {
  private state = 12_345;

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
}

/** What a submitter says, as text: each fold of the log parses it anew. */
function specText(agentId: string | null, kind: number, priority: number, command: string): string {
  const selector = [
    { key: 'zone', op: 'in', values: [zones[kind % zones.length]] },
    { key: 'disk', op: 'in', values: [disks[kind % disks.length]] },
  ];
  return JSON.stringify({
    name: 'nightly report',
    labels: { team: 'core' },
    executor: 'shell',
    command,
    ...(agentId !== null && { agent_id: agentId }),
    selector: agentId === null ? selector : [],
    priority,
    delivery_timeout_ms: 3_600_000,
    execution_timeout_ms: 60_000,
    kill_grace_ms: 10_000,
    max_attempts: 3,
    backoff: { base_ms: 1_000, max_ms: 60_000 },
    output_limit_bytes: 1_048_576,
  });
}

/** A partition's state as facts make it, driven as its owner drives it: plan, fold what was decided, plan again. */
export class Population {
  readonly context: TasksContext = makeTasksContext(defaultTasksPolicy);
  readonly state: TasksState = this.context.initial(0);
  readonly running: Run[] = [];
  private readonly tenants: string[] = [];
  private readonly draw = new Sequence();
  private readonly perTenant: number;
  private nowMs = startMs;
  private facts = 0;

  constructor(private readonly size: Size) {
    this.perTenant = size.agents / size.tenants;
    this.context.resume(this.state, this.nowMs);
    const limits = { max_queued_tasks: 10_000_000, max_agents: 100_000, max_states: 1_000 };
    for (let t = 0; t < size.tenants; t++) {
      const tenant_id = `ten_${t}`;
      this.tenants.push(tenant_id);
      this.fold('tenant.created', tenant_id, tenant_id, { tenant_id, name: tenant_id, limits });
    }
    for (let a = 0; a < size.agents; a++) this.enrol(a);
  }

  /**
   * Half by agent id, half by a selector of two terms, over all tenants, priorities and agents alike. Tasks of one
   * tenant for one agent, or of one selector and priority, say the same, unless each is to be `distinct`.
   */
  queueAll(distinct: boolean): void {
    const { tenants, tasks } = this.size;
    for (let i = 0; i < tasks; i++) {
      const tenant = i % tenants;
      const n = Math.floor(i / tenants);
      const agent = this.draw.below(this.perTenant) * tenants + tenant;
      const isPinned = n % 2 === 0;
      const priority = isPinned ? agent % 10 : this.draw.below(10);
      const command = distinct ? `exec /usr/local/bin/report --run ${i}` : report;
      const spec = specText(isPinned ? `agt_${agent}` : null, this.draw.below(8), priority, command);
      const text = `{"task_id":"tsk_01J${String(i).padStart(23, '0')}","life":1,"kind":"adhoc","spec":${spec}}`;
      const data = JSON.parse(text) as EventData<'task.queued'>;
      if (i % queuedPerMs === 0) this.nowMs += 1;
      this.fold('task.queued', this.tenants[tenant] ?? '', data.task_id, data);
    }
  }

  /** One decision: pick, place, lease. False when nothing fits anywhere. */
  decideOne(): boolean {
    const [event] = this.context.plan(this.state, this.nowMs, 1);
    if (!event) return false;
    if (event.type !== 'task.leased') throw new Error(`the plan is ${event.type}`);
    const fact = { ...event, id: 'e', timeMs: this.nowMs } as Fact<typeof event>;
    this.context.evolve(this.state, fact);
    const { task_id: taskId, agent_id: agentId } = event.data;
    this.running.push({ tenantId: event.tenantId, taskId, agentId });
    return true;
  }

  /** One of the runs, any of them, comes to a good end. */
  endOne(): void {
    const at = this.draw.below(this.running.length);
    const run = this.running[at];
    const last = this.running.pop();
    if (!run || !last) return;
    if (last !== run) this.running[at] = last;
    this.facts += 1;
    if (this.facts % queuedPerMs === 0) this.nowMs += 1;
    this.fold('task.ended', run.tenantId, run.taskId, {
      task_id: run.taskId,
      life: 1,
      end: 'succeeded',
      reason: 'exit_zero',
      attempt: 1,
      agent_id: run.agentId,
      attempts_used: 1,
      outcome: 'exited',
      exit_code: 0,
      duration_ms: 250,
    });
  }

  private enrol(a: number): void {
    const tenantId = `ten_${a % this.size.tenants}`;
    const agentId = `agt_${a}`;
    const n = Math.floor(a / this.size.tenants);
    const labels = { zone: zones[n % zones.length] ?? '', disk: disks[n % disks.length] ?? '', role: 'web' };
    const executors = ['shell' as const];
    this.fold('agent.enrolled', tenantId, agentId, {
      agent_id: agentId,
      name: agentId,
      token_id: 'tok',
      credential_hash: 'c'.repeat(64),
      token_labels: {},
      labels,
      slots,
      executors,
      agent_version: '1',
    });
    this.fold('agent.found', tenantId, agentId, { agent_id: agentId, reason: 'connected' });
    const said = { labels, slots, executors, agentVersion: '1', inventory: [] };
    const from = { tenantId, agentId, sessionId: `s_${a}` };
    this.context.observe(this.state, { kind: 'connected', ...from, ...said }, this.nowMs);
  }

  private fold<T extends EventType>(type: T, tenantId: string, subject: string, data: EventData<T>): void {
    const fact = { type, tenantId, subject, data, id: 'e', timeMs: this.nowMs };
    this.context.evolve(this.state, fact as unknown as Parameters<TasksContext['evolve']>[1]);
  }
}
