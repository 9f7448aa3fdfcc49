import { type TasksContext, type TasksState } from '@fluxforge/domain/tasks-context';
import { type EventData, type Fact, type Limits, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters, type Sometimes } from './counters.js';
import { insist } from './violation.js';

const hourMs = 3_600_000;

interface Counted {
  readonly spec: TaskSpec;
  lease: { readonly hour: number; readonly bytes: number } | null;
  isBack: boolean;
}

interface Account {
  limits: Limits;
  readonly tasks: Map<string, Counted>;
  running: number;
  /** Of what waits, what was leased before: the queue takes it whatever it holds. */
  back: number;
  /** Most that may wait of what was never leased: the limit, or what a higher one had let in. */
  allowed: number;
  /** Times of what was let in as a submission since the rate was set. */
  submittedAtMs: number[];
  /** By hour: what its leases may print, or did. */
  readonly output: Map<number, number>;
}

/** The quotas of the tenants of one partition, counted anew from the log: none is exceeded at any event. */
export class QuotaModel {
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly counters: Counters,
    private readonly defaults: Limits,
  ) {}

  fold(fact: Fact): void {
    if (fact.type === 'tenant.created') this.open(fact.tenantId, fact.data.limits);
    const account = this.accounts.get(fact.tenantId);
    if (!account) return;
    this.take(account, fact);
    this.insistQueue(account, fact);
  }

  private take(account: Account, fact: Fact): void {
    switch (fact.type) {
      case 'tenant.limits-set':
        return setLimits(account, fact.data.limits);
      case 'task.queued':
        return this.queued(account, fact);
      case 'fanout.started':
        return this.submitted(account, fact, 'fan-out charged');
      case 'schedule.created':
      case 'schedule.updated':
        return this.submitted(account, fact, 'schedule charged');
      case 'fanout.rejected':
        if (fact.data.reason === 'quota_submission_rate') this.counters.add('rate quota');
        return;
      case 'task.rejected':
        if (fact.data.reason === 'quota_queued_tasks') this.counters.add('queued quota');
        if (fact.data.reason === 'quota_queued_bytes') this.counters.add('bytes quota');
        if (fact.data.reason === 'quota_submission_rate') this.counters.add('rate quota');
        return;
      case 'task.leased':
        return this.leased(account, fact);
      case 'task.attempt-ended':
        return released(account, fact.data);
      case 'task.ended':
        released(account, fact.data);
        if (account.tasks.get(fact.data.task_id)?.isBack) account.back -= 1;
        account.tasks.delete(fact.data.task_id);
        return;
      default:
        return;
    }
  }

  /** Whether any of the present limits of a tenant could keep a task waiting for ever. */
  limitsOf(tenantId: string): Limits | undefined {
    return this.accounts.get(tenantId)?.limits;
  }

  private open(tenantId: string, limits: Limits): void {
    if (this.accounts.has(tenantId)) return;
    const fresh = { tasks: new Map(), running: 0, back: 0, submittedAtMs: [], output: new Map() };
    const account = { ...fresh, limits, allowed: limits.max_queued_tasks };
    this.accounts.set(tenantId, account);
  }

  private queued(account: Account, { data, timeMs, tenantId }: Fact & { type: 'task.queued' }): void {
    const { limits, tasks } = account;
    const waiting = tasks.size - account.running;
    const what = () =>
      `${tenantId}/${data.task_id} is let in beside ${waiting} of ${limits.max_queued_tasks}`;
    insist(waiting < limits.max_queued_tasks, 'quota queued tasks', what);
    tasks.set(data.task_id, { spec: data.spec, lease: null, isBack: false });
    const { max_queued_bytes: mostBytes = this.defaults.max_queued_bytes! } = limits;
    const bytes = bytesOf([...tasks.values()]);
    insist(bytes <= mostBytes, 'quota queued bytes', () => `${what()}: ${bytes} of ${mostBytes} bytes`);
    if (data.kind === 'adhoc') this.submitted(account, { tenantId, timeMs });
  }

  private insistQueue(account: Account, { tenantId, type }: Fact): void {
    const { limits, allowed, back, running, tasks } = account;
    const fresh = tasks.size - running - back;
    insist(fresh <= allowed, 'quota queued tasks', () => `${tenantId} at ${type}: ${fresh} of ${allowed}`);
    account.allowed = Math.max(limits.max_queued_tasks, Math.min(allowed, fresh));
    const isAbove = fresh + back > account.allowed;
    if (isAbove && type === 'task.attempt-ended') this.counters.add('back above the quota');
  }

  /** Whatever a tenant submits is one: a task, a fan-out, a schedule. */
  private submitted(
    account: Account,
    { tenantId, timeMs }: Pick<Fact, 'tenantId' | 'timeMs'>,
    counter?: Sometimes,
  ): void {
    account.submittedAtMs.push(timeMs);
    const { submissions_per_s: rate, submission_burst: burst } = account.limits;
    if (rate === undefined) return;
    if (counter) this.counters.add(counter);
    for (const [i, fromMs] of account.submittedAtMs.entries()) {
      const count = account.submittedAtMs.length - i;
      const most = (burst ?? rate) + (rate * (timeMs - fromMs)) / 1_000;
      insist(count <= most, 'quota submission rate', () => `${tenantId}: ${count} in ${timeMs - fromMs} ms`);
    }
  }

  private leased(account: Account, { data, timeMs, tenantId }: Fact & { type: 'task.leased' }): void {
    const task = account.tasks.get(data.task_id);
    if (!task) return;
    const { max_running_tasks: most = Infinity, output_bytes_per_hour: bytes = Infinity } = account.limits;
    account.running += 1;
    if (task.isBack) account.back -= 1;
    task.isBack = false;
    const what = `${tenantId}/${data.task_id}`;
    insist(account.running <= most, 'quota running tasks', () => `${what} runs beside ${most}`);
    if (account.running === most) this.counters.add('running quota');
    const hour = Math.floor(timeMs / hourMs);
    // Each of the two streams may have the limit.
    task.lease = { hour, bytes: 2 * task.spec.output_limit_bytes };
    const used = (account.output.get(hour) ?? 0) + task.lease.bytes;
    insist(used <= bytes, 'quota output bytes', () => `${what} may bring the hour to ${used} of ${bytes}`);
    if (bytes - used < task.lease.bytes) this.counters.add('output quota');
    account.output.set(hour, used);
  }
}

const sizes = new WeakMap<TaskSpec, number>();

/** Of those without a lease, each measured anew from what it says. */
function bytesOf(tasks: Iterable<Pick<Counted, 'spec'> & { readonly lease: object | null }>): number {
  let sum = 0;
  for (const { spec, lease } of tasks) {
    const size = sizes.get(spec) ?? Buffer.byteLength(JSON.stringify(spec));
    sizes.set(spec, size);
    if (!lease) sum += size;
  }
  return sum;
}

/** Whenever an owner looks for what is to be done, its count of what waits is that of its queue. */
export function withBytesCounted(context: TasksContext): TasksContext {
  return {
    ...context,
    plan: (state, nowMs, room) => {
      insistCounted(state);
      return context.plan(state, nowMs, room);
    },
  };
}

function insistCounted(state: TasksState): void {
  for (const { tenant, queuedBytes, tasks } of state.realms.values()) {
    const bytes = bytesOf(tasks.values());
    insist(queuedBytes === bytes, 'queued bytes', () => `${tenant.id} counts ${queuedBytes} of ${bytes}`);
  }
}

function setLimits(account: Account, limits: Limits): void {
  const before = account.limits;
  account.limits = limits;
  const same =
    before.submissions_per_s === limits.submissions_per_s &&
    before.submission_burst === limits.submission_burst;
  if (!same) account.submittedAtMs = [];
}

function released(account: Account, data: EventData<'task.attempt-ended'> | EventData<'task.ended'>): void {
  const task = account.tasks.get(data.task_id);
  if (!task?.lease) return;
  const { hour, bytes } = task.lease;
  task.lease = null;
  task.isBack = true;
  account.back += 1;
  account.running -= 1;
  const neverRan = data.outcome === 'refused' || data.outcome === 'spawn_failed';
  const said = data.output && data.output.stdout_bytes + data.output.stderr_bytes;
  const printed = neverRan ? 0 : Math.min(bytes, said ?? bytes);
  account.output.set(hour, (account.output.get(hour) ?? 0) - bytes + printed);
}
