import { InProcessCache, lost, type Cache, type Rate } from '@fluxforge/cache';
import { type Limits } from '@fluxforge/events/catalogue';
import { type HotDepth } from '@fluxforge/events/hot-queue';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type Metrics } from '@fluxforge/telemetry';
import { type Directory } from '../directory/index.js';
import { ProblemError, type ShedLimit } from '../http/index.js';
import { type Backlog } from './backlog.js';
import { type HotQueues } from './hot-queues.js';

export interface SheddingOptions {
  readonly partitions: number;
  /** Null: none is shared, and each server always applies its share. */
  readonly cache: Cache | null;
  /** API servers that there are: while the cache is lost each lets in its share of a rate. */
  readonly servers: number;
  readonly nowMs: () => number;
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
    private readonly backlog: Backlog,
    private readonly metrics: Metrics,
    private readonly options: SheddingOptions,
  ) {
    this.own = new InProcessCache({ nowMs: options.nowMs, sharers: options.servers });
  }

  /**
   * `isRepetition`: this server has seen the same submission accepted. The scheduler will not count it again, so it
   * is held to no depth, and to a rate of its own.
   * @throws ProblemError
   */
  async admit(tenantId: string, isRepetition = false): Promise<void> {
    const limits = this.directory.tenant(tenantId)?.limits;
    if (!limits) return;
    const depth = await this.insistOnLag(tenantId);
    if (!isRepetition && depth && depth.queued >= limits.max_queued_tasks) {
      const detail = `${depth.queued} tasks are queued, and the limit is ${limits.max_queued_tasks}.`;
      throw this.shed('quota_exceeded', 'max_queued_tasks', detail);
    }
    await this.insistOnRate(tenantId, limits, isRepetition);
  }

  /**
   * For commands that are no submissions, and count in the backlog all the same. Answers how much is queued, as far
   * as it is known.
   * @throws ProblemError
   */
  async insistOnLag(tenantId: string): Promise<HotDepth | null> {
    const { depth, pulse } = await this.queues.look(tenantId);
    const { partitions, servers } = this.options;
    const partition = partitionOf(tenantId, partitions);
    if (pulse && this.backlog.exceeds(partition, tenantId, pulse, servers)) {
      throw this.shed('lag_limited', 'partition_lag', 'Too many commands of the tenant wait to be decided.');
    }
    return depth;
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
