import { type Fact, type Limits } from '@fluxforge/events/catalogue';
import { insist } from './violation.js';

/**
 * The tenant that stays inside its quota while all others flood, as the scheduler treats it: refused for its depth
 * never, and for its rate only by its own submissions. These count when they are decided, so that those which waited
 * for an owner come all at once.
 */
export class QuietModel {
  private limits: Limits | null = null;
  private readonly admittedAtMs: number[] = [];
  private latestMs = 0;

  constructor(private readonly tenantId: string) {}

  fold(fact: Fact): void {
    if (fact.tenantId !== this.tenantId) return;
    if (fact.type === 'tenant.created') this.limits ??= fact.data.limits;
    if (fact.type === 'task.queued' && fact.data.kind === 'adhoc') {
      this.latestMs = Math.max(this.latestMs, fact.timeMs);
      this.admittedAtMs.push(this.latestMs);
    }
    if (fact.type !== 'task.rejected') return;
    const { reason, task_id: taskId } = fact.data;
    insist(
      reason !== 'quota_queued_tasks',
      'flood: the quiet one',
      () => `${taskId} is refused for its depth`,
    );
    if (reason === 'quota_submission_rate') this.insistOnOwnRate(taskId, fact.timeMs);
  }

  /** One more within some span would have been more than burst and rate. */
  private insistOnOwnRate(taskId: string, timeMs: number): void {
    const { submissions_per_s: rate = Infinity, submission_burst: burst = rate } = this.limits ?? {};
    const nowMs = Math.max(this.latestMs, timeMs);
    const isOver = this.admittedAtMs.some((fromMs, i) => {
      const count = this.admittedAtMs.length - i + 1;
      return count * 1_000 > burst * 1_000 + rate * (nowMs - fromMs);
    });
    insist(isOver, 'flood: the quiet one', () => `${taskId} is refused for a rate that it keeps`);
  }
}
