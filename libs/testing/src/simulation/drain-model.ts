import { type Fact } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { taskKeyOf } from './task-key.js';
import { insist } from './violation.js';

interface Run {
  readonly attempt: number;
  readonly agent: string;
  isToStop: boolean;
  isMoving: boolean;
}

/** Drains of one partition: what still runs on an agent at the deadline is moved, and nothing else is. */
export class DrainModel {
  /** By agent; null: without a deadline. */
  private readonly drains = new Map<string, number | null>();
  private readonly runs = new Map<string, Run>();

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'agent.drain-set': {
        const { agent_id, drain, deadline_ms } = fact.data;
        const agent = `${fact.tenantId}/${agent_id}`;
        if (drain) this.drains.set(agent, deadline_ms ?? null);
        else this.drains.delete(agent);
        return;
      }
      case 'agent.removed':
        this.drains.delete(`${fact.tenantId}/${fact.data.agent_id}`);
        return;
      case 'task.leased':
        return this.leased(fact);
      case 'task.cancel-requested': {
        const run = this.runs.get(taskKeyOf(fact));
        if (run) run.isToStop = true;
        return;
      }
      case 'task.move-requested':
        return this.moved(fact);
      case 'task.attempt-ended': {
        const run = this.runs.get(taskKeyOf(fact));
        const byMove = fact.data.reason === 'agent_draining';
        insist(!byMove || run?.isMoving === true, 'drain', () => `${taskKeyOf(fact)} was not to move`);
        if (byMove) this.counters.add('moved');
        this.runs.delete(taskKeyOf(fact));
        return;
      }
      case 'task.ended':
        this.runs.delete(taskKeyOf(fact));
        return;
      default:
        return;
    }
  }

  private leased(fact: Fact & { type: 'task.leased' }): void {
    const { tenantId, data, timeMs } = fact;
    const agent = `${tenantId}/${data.agent_id}`;
    insist(!this.drains.has(agent), 'drain', () => `${data.task_id} leased to ${agent}, which drains`);
    // Leases come last of what is due: by now what had to move was told to.
    for (const [id, run] of this.runs) {
      const deadlineMs = this.drains.get(run.agent) ?? Infinity;
      const isLate = deadlineMs <= timeMs && !run.isToStop && !run.isMoving;
      insist(!isLate, 'drain', () => `${id} still runs on ${run.agent} after ${deadlineMs}`);
    }
    const run = { attempt: data.attempt, agent, isToStop: false, isMoving: false };
    this.runs.set(taskKeyOf(fact), run);
  }

  private moved(fact: Fact & { type: 'task.move-requested' }): void {
    const run = this.runs.get(taskKeyOf(fact));
    const deadlineMs = (run && this.drains.get(run.agent)) ?? Infinity;
    const isDue = run !== undefined && run.attempt === fact.data.attempt && deadlineMs <= fact.timeMs;
    insist(isDue && !run.isMoving && !run.isToStop, 'drain', () => `${taskKeyOf(fact)} moved for nothing`);
    run.isMoving = true;
  }
}
