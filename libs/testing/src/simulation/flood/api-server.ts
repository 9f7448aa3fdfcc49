import { takeFrom, type Bucket } from '@fluxforge/cache/bucket';
import { Backlog } from '@fluxforge/domain/shedding';
import { type Limits } from '@fluxforge/events/catalogue';
import { type FloodScenario } from '../flood-scenario.js';
import { type Timeline } from '../timeline.js';
import { type FloodModel, type Shed } from './flood-model.js';
import { type Rate, type SharedCache, type Told } from './shared-cache.js';

export interface ApiWorld {
  readonly timeline: Timeline;
  readonly cache: SharedCache;
  readonly model: FloodModel;
  readonly scenario: FloodScenario;
  /** As an owner answers a server; null: nobody does. */
  readonly askOwner: (answer: (told: Told | null) => void) => void;
}

/** All tenants of a flood share one partition. */
const partition = 0;
const freshMs = 2_000;
const twinKeepMs = 2_000;
const refreshAfterMs = 200;
const askOwnerAfterMs = 1_000;
const cacheRestsMs = 1_000;

/** What an API server does before it writes: the rules are production's, the waiting and the asking are this one's. */
export class ApiServer {
  private readonly backlog: Backlog;
  private readonly own = new Map<string, Bucket>();
  private twin: { readonly told: Told; readonly untilMs: number } | null = null;
  private refreshedAtMs = -Infinity;
  private askedAtMs = -Infinity;
  private cacheRestsUntilMs = -Infinity;

  constructor(
    private readonly world: ApiWorld,
    readonly index: number,
  ) {
    this.backlog = new Backlog(world.scenario.maxLagRecords);
  }

  /** Goes on with the write, or says what for it does not. `wasBlind`: no owner was heard of. */
  admit(
    tenantId: string,
    limits: Partial<Limits>,
    isSubmission: boolean,
    goOn: (shed: Shed | null, wasBlind: boolean) => void,
  ): void {
    const { model, scenario } = this.world;
    const told = this.look();
    if (told) {
      const isOver = this.backlog.exceeds(partition, tenantId, told.pulse, scenario.servers);
      model.heldToLag(this.index, tenantId, told.pulse, isOver);
      if (isOver) return goOn('partition_lag', false);
      const queued = told.queued.get(tenantId) ?? 0;
      if (isSubmission && queued >= (limits.max_queued_tasks ?? Infinity))
        return goOn('max_queued_tasks', false);
    }
    const { submissions_per_s: perSecond } = limits;
    if (!isSubmission || perSecond === undefined) return goOn(null, !told);
    const rate = { perSecond, burst: limits.submission_burst ?? perSecond };
    this.take(tenantId, rate, (waitMs) => goOn(waitMs === 0 ? null : 'submissions_per_s', !told));
  }

  wrote(tenantId: string, offset: number): void {
    this.backlog.wrote(partition, tenantId, offset);
  }

  private take(tenantId: string, rate: Rate, answer: (waitMs: number) => void): void {
    const takeOwn = (): void => answer(this.takeOwn(tenantId, rate));
    if (this.rests) return takeOwn();
    this.world.cache.take(tenantId, rate, (waitMs) => {
      if (waitMs !== null) return answer(waitMs);
      this.lostCache();
      takeOwn();
    });
  }

  private takeOwn(tenantId: string, rate: Rate): number {
    const { timeline, scenario, model } = this.world;
    const before = this.own.get(tenantId) ?? null;
    const { bucket, waitMs } = takeFrom(before, rate, scenario.servers, timeline.nowMs);
    this.own.set(tenantId, bucket);
    if (waitMs === 0) model.tookOwn(tenantId, rate);
    return waitMs;
  }

  private look(): Told | null {
    const { nowMs } = this.world.timeline;
    const known = this.twin && nowMs < this.twin.untilMs ? this.twin.told : null;
    if (nowMs - this.refreshedAtMs >= refreshAfterMs) {
      this.refreshedAtMs = nowMs;
      this.refresh();
    }
    return known;
  }

  private refresh(): void {
    if (this.rests) return this.ask();
    this.world.cache.get((found) => {
      if (found && found.ageMs <= freshMs) this.keep(found.told);
      else this.ask();
    });
  }

  private ask(): void {
    const { timeline, askOwner } = this.world;
    if (timeline.nowMs - this.askedAtMs < askOwnerAfterMs) return;
    this.askedAtMs = timeline.nowMs;
    askOwner((told) => {
      if (told) this.keep(told);
    });
  }

  private keep(told: Told): void {
    this.twin = { told, untilMs: this.world.timeline.nowMs + twinKeepMs };
  }

  private get rests(): boolean {
    return this.world.timeline.nowMs < this.cacheRestsUntilMs;
  }

  private lostCache(): void {
    this.cacheRestsUntilMs = this.world.timeline.nowMs + cacheRestsMs;
  }
}
