import { type CommandBody, type TaskSpec } from '@fluxforge/events/catalogue';
import { drawTaskSpec, runCommand } from '../workload/index.js';
import { type Prng } from './prng.js';

const maxTasks = 400;

/** A client that keeps small tasks waiting, as many as one wants to leave no agent idle, and large ones among them. */
export class CrowdClients {
  private tasks = 0;

  constructor(
    private readonly prng: Prng,
    private readonly send: (tenantId: string, body: CommandBody, taskId: string) => void,
  ) {}

  crowd(tenantId: string, nowMs: number): void {
    for (let i = 0; i < 6; i++) this.submit(tenantId, this.small(nowMs));
    if (this.prng.chance(0.3)) this.submit(tenantId, this.large(nowMs));
  }

  private submit(tenantId: string, spec: TaskSpec): void {
    if (this.tasks >= maxTasks) return;
    this.tasks += 1;
    const taskId = `crowd-${this.tasks}`;
    this.send(tenantId, { type: 'task.submit', data: { task_id: taskId, spec } }, taskId);
  }

  /** Some run long, by their time limits as well, and hold the agent that they are on. */
  private small(nowMs: number): TaskSpec {
    const isLong = this.prng.chance(0.08);
    const durationMs = isLong ? this.prng.between(3_000, 6_000) : this.prng.between(50, 400);
    return this.drawn(nowMs, durationMs, isLong ? 8_000 : 600);
  }

  /** Of two kinds, either with an agent to itself. */
  private large(nowMs: number): TaskSpec {
    const spec = this.drawn(nowMs, this.prng.between(50, 400), 600);
    return { ...spec, requests: { slots: 2, cpu_millis: this.prng.pick([100, 200]) } };
  }

  private drawn(nowMs: number, durationMs: number, limitMs: number): TaskSpec {
    const drawn = drawTaskSpec(this.prng, { nowMs, agentIds: ['nobody'] });
    const { not_before_ms: _b, not_after_ms: _a, agent_id: _i, ...spec } = drawn;
    return {
      ...spec,
      command: runCommand(durationMs, 0),
      executor: 'shell',
      selector: [],
      delivery_timeout_ms: 0,
      execution_timeout_ms: limitMs,
    };
  }
}
