import { InProcessCache, lost, type Cache, type Rate } from '@fluxforge/cache';
import { isRelief, reliefShares } from '@fluxforge/domain/shedding';
import { type CommandBody, type ContextName, type Limits } from '@fluxforge/events/catalogue';
import { type Metrics } from '@fluxforge/telemetry';
import { contextOf } from '../commands/index.js';
import { type Directory } from '../directory/index.js';
import { ProblemError, type ShedLimit } from '../http/index.js';
import { type HotQueues } from './hot-queues.js';
import { type Lag } from './lag.js';

export interface SheddingOptions {
  /** Null: none is shared, and each server always applies its share. */
  readonly cache: Cache | null;
  /** API servers that there are: while the cache is lost each lets in its share of a rate. */
  readonly servers: number;
  readonly nowMs: () => number;
  /** Whose means against an overload are never held back. */
  readonly isOperator: (tenantId: string) => boolean;
}

/**
 * Refuses early what the scheduler would not take, or not take soon: 429 with the limit's name, and nothing written.
 * By what was heard last, so a little late; the scheduler decides for good, and exactly. Whatever is not known here
 * holds nobody back, but for the rate: that one is always known.
 */
export class Shedding {
  private readonly own: InProcessCache;

  constructor(
    private readonly directory: Directory,
    private readonly queues: HotQueues,
    private readonly lags: Readonly<Record<ContextName, Lag>>,
    private readonly metrics: Metrics,
    private readonly options: SheddingOptions,
  ) {
    this.own = new InProcessCache({ nowMs: options.nowMs, sharers: options.servers });
  }

  /**
   * For a task. `isRepetition`: this server has seen the same submission accepted. The scheduler will not count it
   * again, so it is held to no depth, and to a rate of its own.
   * @throws ProblemError
   */
  async admit(tenantId: string, isRepetition = false): Promise<void> {
    const limits = this.directory.tenant(tenantId)?.limits;
    if (!limits) return;
    await this.insist('tasks', tenantId, 1);
    const depth = await this.queues.depth(tenantId);
    if (!isRepetition && depth && depth.queued >= limits.max_queued_tasks) {
      const detail = `${depth.queued} tasks are queued, and the limit is ${limits.max_queued_tasks}.`;
      throw this.shed('quota_exceeded', 'max_queued_tasks', detail);
    }
    await this.insistOnRate(tenantId, limits, isRepetition);
  }

  /**
   * For what makes tasks, a fan-out or a schedule: one submission as well, and held to no depth, since what it makes
   * waits for its room.
   * @throws ProblemError
   */
  async admitMaker(tenantId: string, isRepetition: boolean): Promise<void> {
    const limits = this.directory.tenant(tenantId)?.limits;
    if (!limits) return;
    await this.insist('tasks', tenantId, 1);
    await this.insistOnRate(tenantId, limits, isRepetition);
  }

  /**
   * For commands that are no submissions, and count in the backlog of their context all the same.
   * @throws ProblemError
   */
  async insistOnLag(tenantId: string, body: CommandBody): Promise<void> {
    if (!isRelief(body)) return this.insist(contextOf(body), tenantId, 1);
    if (!this.options.isOperator(tenantId)) await this.insist(contextOf(body), tenantId, reliefShares);
  }

  private async insist(context: ContextName, tenantId: string, shares: number): Promise<void> {
    if (!(await this.lags[context].exceeds(tenantId, shares))) return;
    throw this.shed('lag_limited', 'partition_lag', 'Too many commands of the tenant wait to be decided.');
  }

  private async insistOnRate(tenantId: string, limits: Limits, isRepetition: boolean): Promise<void> {
    const perSecond = limits.submissions_per_s;
    if (perSecond === undefined) return;
    const rate = { perSecond, burst: limits.submission_burst ?? perSecond };
    const waitMs = await this.take(isRepetition ? `again:${tenantId}` : `new:${tenantId}`, rate);
    if (waitMs === 0) return;
    const detail = `The limit is ${perSecond} submissions a second.`;
    throw this.shed('quota_exceeded', 'submissions_per_s', detail, waitMs);
  }

  private async take(bucket: string, rate: Rate): Promise<number> {
    const waitMs = this.options.cache ? await this.options.cache.take(bucket, rate) : lost;
    return waitMs === lost ? this.own.take(bucket, rate) : waitMs;
  }

  private shed(
    code: 'quota_exceeded' | 'lag_limited',
    limit: ShedLimit,
    detail: string,
    waitMs = 0,
  ): ProblemError {
    this.metrics.add('fluxforge_submissions_shed_total', { limit });
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1_000));
    return new ProblemError(code, `${detail} Nothing was written.`, { limit }, { retryAfterS });
  }
}
