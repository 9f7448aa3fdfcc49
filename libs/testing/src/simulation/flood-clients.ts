import { type CommandBody } from '@fluxforge/events/catalogue';
import { drawTaskSpec, type Place } from '../workload/index.js';
import { type Prng } from './prng.js';

const maxTasks = 60;

/** One client of one tenant that sends far more at a time than its agents can take. */
export class FloodClients {
  private tasks = 0;

  constructor(
    private readonly prng: Prng,
    private readonly send: (tenantId: string, body: CommandBody, taskId: string) => void,
  ) {}

  flood(tenantId: string, place: Place): void {
    const many = Math.min(this.prng.between(6, 20), maxTasks - this.tasks);
    for (let i = 0; i < many; i++) {
      this.tasks += 1;
      const { not_before_ms: _, ...spec } = drawTaskSpec(this.prng, place);
      const taskId = `flood-${this.tasks}`;
      this.send(tenantId, { type: 'task.submit', data: { task_id: taskId, spec } }, taskId);
    }
  }
}
