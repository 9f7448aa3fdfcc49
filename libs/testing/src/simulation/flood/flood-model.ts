import { type CommandBody } from '@fluxforge/events/catalogue';
import { type PartitionPulse } from '@fluxforge/events/hot-queue';
import { type Counters } from '../counters.js';
import { type FloodScenario } from '../flood-scenario.js';
import { type Timeline } from '../timeline.js';
import { insist } from '../violation.js';
import { LagModel } from './lag-model.js';
import { contextOf } from './requests.js';
import { type Rate } from './shared-cache.js';

export type Shed = 'partition_lag' | 'max_queued_tasks' | 'submissions_per_s';

export interface Look {
  readonly server: number;
  readonly tenantId: string;
  readonly body: CommandBody;
  readonly pulse: PartitionPulse;
}

const reasons: Record<Shed, 'shed by lag' | 'shed by depth' | 'shed by rate'> = {
  partition_lag: 'shed by lag',
  max_queued_tasks: 'shed by depth',
  submissions_per_s: 'shed by rate',
};

/** What a flood sends of the means against an overload, listed anew: of these a tenant may have twice its share. */
const means: readonly CommandBody['type'][] = [
  'task.cancel',
  'fanout.cancel',
  'schedule.delete',
  'agent.drain',
  'tenant.set-mode',
  'state.suspend',
  'state.delete',
];
const sharesOfMeans = 2;

function isMeans(body: CommandBody): boolean {
  if (body.type === 'schedule.suspend') return body.data.suspended;
  return means.includes(body.type);
}

/**
 * What API servers promise while all tenants but one flood, counted anew: from what was answered and by whom, without
 * the backlog and the buckets that it judges.
 */
export class FloodModel {
  private readonly lags: { readonly tasks: LagModel; readonly states: LagModel };
  private readonly ownTakes = new Map<string, number[]>();
  /** Of the flood, let in by servers that knew how far the owner of tasks was, and not known to be decided. */
  private undecided: number[] = [];
  private decidedBelow = 0;
  private end = 0;
  private onTheirWay = 0;
  /** The most that had come in at a time when a server still thought the lag below the limit, and that it did not see. */
  private unseenMost = 0;

  constructor(
    private readonly scenario: FloodScenario,
    private readonly tenants: readonly string[],
    private readonly timeline: Timeline,
    private readonly counters: Counters,
  ) {
    this.lags = { tasks: new LagModel(scenario, tenants), states: new LagModel(scenario, tenants) };
  }

  began(body: CommandBody): void {
    if (contextOf(body) === 'tasks') this.onTheirWay += 1;
  }

  over(body: CommandBody): void {
    if (contextOf(body) === 'tasks') this.onTheirWay -= 1;
  }

  landed(body: CommandBody, offset: number): void {
    if (contextOf(body) === 'tasks') this.end = Math.max(this.end, offset + 1);
  }

  shed(tenantId: string, { type }: CommandBody, reason: Shed): void {
    const { quietTenant } = this.scenario;
    if (tenantId !== quietTenant) {
      this.counters.add(reasons[reason]);
      if (type.startsWith('state.')) this.counters.add('state write shed');
      if (reason === 'submissions_per_s' && type !== 'task.submit') this.counters.add('maker shed by rate');
      // Of all that is no task nothing else is asked.
      const isDepth = reason === 'max_queued_tasks' && type !== 'task.submit';
      return insist(!isDepth, 'flood: what is held to what', () => `${type} is shed by ${reason}`);
    }
    // By its own backlog it may be, which is looked at where that is known.
    insist(reason === 'partition_lag', 'flood: the quiet one', () => `${tenantId} is shed by ${reason}`);
  }

  /** Beyond the limit a tenant is let in below its share of the backlog, and held only from there on. */
  heldToLag({ body, ...look }: Look, isHeld: boolean): void {
    const context = contextOf(body);
    if (context === 'tasks') this.decidedBelow = Math.max(this.decidedBelow, look.pulse.covered);
    const shares = isMeans(body) ? sharesOfMeans : 1;
    const seen = this.lags[context].look({ ...look, shares }, isHeld);
    if (seen === null && !isHeld && shares > 1) this.counters.add('means let in beyond the lag');
    if (seen === null || context === 'states') return;
    this.unseenMost = Math.max(this.unseenMost, this.end - seen + this.onTheirWay);
  }

  /** With the cache lost, all servers together let in no more than the limit, and one for each at most. */
  tookOwn(tenantId: string, rate: Rate): void {
    const { nowMs } = this.timeline;
    const takes = this.ownTakes.get(tenantId) ?? [];
    takes.push(nowMs);
    this.ownTakes.set(tenantId, takes);
    for (const [i, fromMs] of takes.entries()) {
      const count = takes.length - i;
      const most = rate.burst + (rate.perSecond * (nowMs - fromMs)) / 1_000 + this.scenario.servers;
      insist(
        count <= most,
        'flood: rate without a cache',
        () => `${tenantId}: ${count} in ${nowMs - fromMs} ms`,
      );
    }
  }

  wrote(server: number, tenantId: string, body: CommandBody, offset: number, wasBlind: boolean): void {
    const context = contextOf(body);
    this.lags[context].wrote(server, tenantId, offset);
    if (tenantId === this.scenario.quietTenant) return this.insistOnFront(offset);
    this.counters.add('flooded');
    if (!wasBlind && context === 'tasks') this.undecided.push(offset);
  }

  /**
   * What is in front of a command of the quiet tenant: the limit, what a server could not see yet when it thought the
   * lag below it, and then what the tenants may have beyond it. Each has its share, which was larger while fewer had
   * commands waiting, as much again for its means, and what it had on the way.
   */
  private insistOnFront(offset: number): void {
    const { maxLagRecords: limit, servers, lanes } = this.scenario;
    this.undecided = this.undecided.filter((one) => one >= this.decidedBelow);
    const front = this.undecided.filter((one) => one < offset).length;
    let beyond = this.tenants.length * (sharesOfMeans * servers + lanes);
    for (let n = 1; n <= this.tenants.length; n++) beyond += (sharesOfMeans * limit) / n;
    const most = limit + this.unseenMost + beyond;
    const what = () => `${front} commands are in front of ${offset}, and ${most} may be`;
    insist(front <= most, 'flood: admitted backlog', what);
  }
}
