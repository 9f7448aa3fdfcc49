import { type CommandBody, type ContextName, type TaskSpec } from '@fluxforge/events/catalogue';
import { drawStateSpec, drawTaskSpec } from '../../workload/index.js';
import { type Prng } from '../prng.js';

export interface Request {
  readonly body: CommandBody;
  /** Of the task that is submitted. */
  readonly taskId: string | null;
}

const maxFanouts = 12;
const maxSchedules = 3;
const maxStates = 2;

export function contextOf({ type }: CommandBody): ContextName {
  return type.startsWith('state.') ? 'states' : 'tasks';
}

/** What takes one submission from the rate: a task, and what makes tasks. */
export function isSubmission({ type }: CommandBody): boolean {
  return (
    type === 'task.submit' ||
    type === 'fanout.start' ||
    type === 'fanout.retry' ||
    type === 'schedule.create' ||
    type === 'schedule.update'
  );
}

/** What one tenant asks for in a flood: mostly tasks, and what else makes tasks, ends them or is merely written. */
export class Requests {
  private readonly tasks: string[] = [];
  private fanouts = 0;
  private schedules = 0;
  private states = 0;
  private changes = 0;

  constructor(
    private readonly prng: Prng,
    private readonly tenantId: string,
  ) {}

  any(nowMs: number): Request {
    const draw = this.prng.next();
    if (draw < 0.12 && this.tasks.length > 0) {
      const body = { type: 'task.cancel', data: { task_id: this.prng.pick(this.tasks) } } as const;
      return { body, taskId: null };
    }
    if (draw < 0.22 && this.fanouts < maxFanouts) return { body: this.fanout(nowMs), taskId: null };
    if (draw < 0.3) return { body: this.schedule(nowMs), taskId: null };
    if (draw < 0.5) return { body: this.state(), taskId: null };
    if (draw < 0.58) return { body: this.operation(), taskId: null };
    return this.submission(nowMs);
  }

  submission(nowMs: number): Request {
    const taskId = `flood-${this.tenantId}-${this.tasks.length}`;
    this.tasks.push(taskId);
    return { body: { type: 'task.submit', data: { task_id: taskId, spec: this.spec(nowMs) } }, taskId };
  }

  private fanout(nowMs: number): CommandBody {
    const { prng, fanouts } = this;
    const idOf = (n: number) => `flood-${this.tenantId}-${n}`;
    if (fanouts > 0 && prng.chance(0.2)) {
      return { type: 'fanout.cancel', data: { fanout_id: idOf(prng.between(1, fanouts)) } };
    }
    this.fanouts += 1;
    const spec = {
      task: this.spec(nowMs),
      selector: [],
      max_concurrency: { count: 0 },
      max_failures: { count: 0 },
    };
    return { type: 'fanout.start', data: { fanout_id: idOf(this.fanouts), spec } };
  }

  /** Of every minute; when there are enough, another version of one, or it is suspended or resumed. */
  private schedule(nowMs: number): CommandBody {
    const isNew = this.schedules < maxSchedules;
    if (isNew) this.schedules += 1;
    const id = isNew ? this.schedules : this.prng.between(1, maxSchedules);
    const schedule_id = `flood-${this.tenantId}-${id}`;
    if (!isNew && this.prng.chance(0.3)) {
      return { type: 'schedule.suspend', data: { schedule_id, suspended: this.prng.chance(0.5) } };
    }
    const { not_before_ms: _, not_after_ms: __, ...task } = this.spec(nowMs);
    const spec = {
      cron: '* * * * *',
      time_zone: 'UTC',
      jitter_ms: 0,
      missed_after_ms: 600_000,
      overlap: 'allow' as const,
      task,
    };
    const data = { schedule_id, name: `flood ${id}`, spec };
    return { type: isNew ? 'schedule.create' : 'schedule.update', data };
  }

  /** Declared once, then changed, suspended and resumed. */
  private state(): CommandBody {
    const { prng } = this;
    this.changes += 1;
    const isNew = this.states < maxStates;
    if (isNew) this.states += 1;
    const state_id = `flood-${this.tenantId}-${isNew ? this.states : prng.between(1, maxStates)}`;
    const draw = prng.next();
    if (!isNew && draw < 0.2) return { type: 'state.suspend', data: { state_id } };
    if (!isNew && draw < 0.5) return { type: 'state.resume', data: { state_id } };
    const labels = { change: String(this.changes) };
    const data = { state_id, name: state_id, labels, spec: drawStateSpec(prng, state_id, 1) };
    return isNew ? { type: 'state.declare', data } : { type: 'state.update', data };
  }

  /** What an admin does to agents and to the tenant: nothing here keeps anybody from running. */
  private operation(): CommandBody {
    const agent_id = 'agent-0';
    return this.prng.pick<CommandBody>([
      { type: 'agent.drain', data: { agent_id, drain: false } },
      { type: 'agent.reset-breaker', data: { agent_id } },
      { type: 'tenant.release-brake', data: {} },
      { type: 'tenant.set-mode', data: { mode: 'normal' } },
    ]);
  }

  /** For any agent: what none suits would wait until somebody cancels it. */
  private spec(nowMs: number): TaskSpec {
    const { agent_id: _, ...spec } = drawTaskSpec(this.prng, { nowMs, agentIds: ['any'] });
    return { ...spec, selector: [] };
  }
}
