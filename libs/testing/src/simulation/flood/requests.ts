import { type CommandBody, type TaskSpec } from '@fluxforge/events/catalogue';
import { drawTaskSpec } from '../../workload/index.js';
import { type Prng } from '../prng.js';

export interface Request {
  readonly body: CommandBody;
  /** Of the task that is submitted. */
  readonly taskId: string | null;
}

const maxFanouts = 12;
const maxSchedules = 3;

/** What one tenant asks for in a flood: mostly tasks, and what else makes tasks or ends them. */
export class Requests {
  private readonly tasks: string[] = [];
  private fanouts = 0;
  private schedules = 0;

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
    if (draw < 0.22 && this.fanouts < maxFanouts) return this.fanout(nowMs);
    if (draw < 0.3) return this.schedule(nowMs);
    return this.submission(nowMs);
  }

  submission(nowMs: number): Request {
    const taskId = `flood-${this.tenantId}-${this.tasks.length}`;
    this.tasks.push(taskId);
    return { body: { type: 'task.submit', data: { task_id: taskId, spec: this.spec(nowMs) } }, taskId };
  }

  private fanout(nowMs: number): Request {
    this.fanouts += 1;
    const spec = {
      task: this.spec(nowMs),
      selector: [],
      max_concurrency: { count: 0 },
      max_failures: { count: 0 },
    };
    const data = { fanout_id: `flood-${this.tenantId}-${this.fanouts}`, spec };
    return { body: { type: 'fanout.start', data }, taskId: null };
  }

  /** Of every minute; when there are enough, another version of one. */
  private schedule(nowMs: number): Request {
    const isNew = this.schedules < maxSchedules;
    if (isNew) this.schedules += 1;
    const id = isNew ? this.schedules : this.prng.between(1, maxSchedules);
    const { not_before_ms: _, not_after_ms: __, ...task } = this.spec(nowMs);
    const spec = {
      cron: '* * * * *',
      time_zone: 'UTC',
      jitter_ms: 0,
      missed_after_ms: 600_000,
      overlap: 'allow' as const,
      task,
    };
    const data = { schedule_id: `flood-${this.tenantId}-${id}`, name: `flood ${id}`, spec };
    return { body: { type: isNew ? 'schedule.create' : 'schedule.update', data }, taskId: null };
  }

  /** For any agent: what none suits would wait until somebody cancels it. */
  private spec(nowMs: number): TaskSpec {
    const { agent_id: _, ...spec } = drawTaskSpec(this.prng, { nowMs, agentIds: ['any'] });
    return { ...spec, selector: [] };
  }
}
