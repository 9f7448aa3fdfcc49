import { takeFrom, type Bucket } from '@fluxforge/cache/bucket';
import { Backlog, isRelief, reliefShares } from '@fluxforge/domain/shedding';
import { type CommandBody, type ContextName, type Limits } from '@fluxforge/events/catalogue';
import { type FloodScenario } from '../flood-scenario.js';
import { type FloodModel, type Shed } from './flood-model.js';
import { OwnerTwin, type TwinWorld } from './owner-twin.js';
import { contextOf, isSubmission } from './requests.js';
import { type Rate } from './shared-cache.js';

export interface ApiWorld extends TwinWorld {
  readonly model: FloodModel;
  readonly scenario: FloodScenario;
}

/** All tenants of a flood share one partition. */
const partition = 0;
const cacheRestsMs = 1_000;

/** What an API server does before it writes: the rules are production's, the waiting and the asking are this one's. */
export class ApiServer {
  private readonly backlogs: Readonly<Record<ContextName, Backlog>>;
  private readonly owners: Readonly<Record<ContextName, OwnerTwin>>;
  private readonly own = new Map<string, Bucket>();
  private cacheRestsUntilMs = -Infinity;

  constructor(
    private readonly world: ApiWorld,
    readonly index: number,
  ) {
    const { maxLagRecords } = world.scenario;
    this.backlogs = { tasks: new Backlog(maxLagRecords), states: new Backlog(maxLagRecords) };
    const twin = (context: ContextName) => new OwnerTwin(world, context, () => this.rests);
    this.owners = { tasks: twin('tasks'), states: twin('states') };
  }

  /** Goes on with the write, or says what for it does not. `wasBlind`: no owner was heard of. */
  admit(
    tenantId: string,
    limits: Partial<Limits>,
    body: CommandBody,
    goOn: (shed: Shed | null, wasBlind: boolean) => void,
  ): void {
    const { model, scenario } = this.world;
    const context = contextOf(body);
    const told = this.owners[context].look();
    if (told) {
      const shares = isRelief(body) ? reliefShares : 1;
      const backlog = this.backlogs[context];
      const isOver = backlog.exceeds(partition, tenantId, told.pulse, scenario.servers, shares);
      model.heldToLag({ server: this.index, tenantId, body, pulse: told.pulse }, isOver);
      if (isOver) return goOn('partition_lag', false);
      const queued = told.queued.get(tenantId) ?? 0;
      // What a fan-out or a schedule makes waits for its room.
      if (body.type === 'task.submit' && queued >= (limits.max_queued_tasks ?? Infinity))
        return goOn('max_queued_tasks', false);
    }
    const { submissions_per_s: perSecond } = limits;
    if (!isSubmission(body) || perSecond === undefined) return goOn(null, !told);
    const rate = { perSecond, burst: limits.submission_burst ?? perSecond };
    this.take(tenantId, rate, (waitMs) => goOn(waitMs === 0 ? null : 'submissions_per_s', !told));
  }

  wrote(context: ContextName, tenantId: string, offset: number): void {
    this.backlogs[context].wrote(partition, tenantId, offset);
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

  private get rests(): boolean {
    return this.world.timeline.nowMs < this.cacheRestsUntilMs;
  }

  private lostCache(): void {
    this.cacheRestsUntilMs = this.world.timeline.nowMs + cacheRestsMs;
  }
}
