import {
  type ChangeWindow,
  type CommandBody,
  type ScheduleSpec,
  type Selector,
} from '@fluxforge/events/catalogue';
import { drawTaskSpec } from '../workload/index.js';
import { type Prng } from './prng.js';
import { type ScheduleModel } from './schedule-model.js';

/**
 * A moment at which a clock is changed, and hours of the wall that it is about. Most are full hours: what is
 * counted by the hour turns as well.
 */
export interface Moment {
  readonly atMs: number;
  readonly zone: string;
  readonly hours: readonly string[];
}

const utc = (text: string) => Date.parse(`${text}Z`);

export const moments: readonly Moment[] = [
  { atMs: utc('2023-11-14T23:00'), zone: 'Asia/Kathmandu', hours: ['4', '*', '*/2'] },
  { atMs: utc('2026-03-29T01:00'), zone: 'Europe/Berlin', hours: ['2', '3', '*'] },
  { atMs: utc('2026-10-25T01:00'), zone: 'Europe/Berlin', hours: ['2', '3', '*'] },
  { atMs: utc('2026-03-08T07:00'), zone: 'America/New_York', hours: ['2', '3', '*/2'] },
  { atMs: utc('2026-11-01T06:00'), zone: 'America/New_York', hours: ['1', '2', '*'] },
  { atMs: utc('2026-10-03T15:30'), zone: 'Australia/Lord_Howe', hours: ['2', '*'] },
  { atMs: utc('2026-04-04T15:00'), zone: 'Australia/Lord_Howe', hours: ['1', '2', '*'] },
];

type Send = (tenantId: string, body: CommandBody) => void;
const maxSchedules = 6;
/** With it no change could ever begin. */
const never: ChangeWindow = {
  effect: 'deny',
  cron: '* * * * *',
  time_zone: 'UTC',
  duration_ms: 60_000,
};
const nowhere: Selector = [{ key: 'zone', op: 'in', values: ['nowhere'] }];

/** Users who make schedules, often ones that are due about now, and change their minds. */
export class ScheduleClients {
  private made = 0;

  constructor(
    private readonly prng: Prng,
    private readonly moment: Moment,
    private readonly models: readonly ScheduleModel[],
    private readonly send: Send,
  ) {}

  act(tenantId: string, nowMs: number, agentIds: readonly string[]): void {
    const { prng } = this;
    const ids = [...this.schedules()].filter((one) => one.tenantId === tenantId).map(({ id }) => id);
    if (this.made < maxSchedules && (ids.length === 0 || prng.chance(0.6))) {
      this.made += 1;
      const data = { schedule_id: `cron-${this.made}`, name: 'cron', spec: this.spec(nowMs, agentIds) };
      this.send(tenantId, { type: 'schedule.create', data });
      if (prng.chance(0.3)) this.send(tenantId, { type: 'schedule.create', data });
      return;
    }
    if (ids.length === 0) return;
    const schedule_id = prng.pick(ids);
    const draw = prng.next();
    if (draw < 0.15) {
      const data = { schedule_id, name: 'cron', spec: this.spec(nowMs, agentIds) };
      return this.send(tenantId, { type: 'schedule.update', data });
    }
    if (draw < 0.2) return this.send(tenantId, { type: 'schedule.delete', data: { schedule_id } });
    if (draw < 0.4)
      this.send(tenantId, { type: 'schedule.suspend', data: { schedule_id, suspended: draw < 0.28 } });
  }

  /** A system with schedules is never at rest. */
  tidy(): void {
    for (const { tenantId, id } of this.schedules()) {
      this.send(tenantId, { type: 'schedule.delete', data: { schedule_id: id } });
    }
  }

  private *schedules() {
    for (const { schedules } of this.models) yield* schedules.values();
  }

  windows(): ChangeWindow[] {
    const { prng, moment } = this;
    const one = (effect: 'allow' | 'deny'): ChangeWindow => ({
      effect,
      cron: prng.pick(['*/2 * * * *', '1,3,5,7,9,30,33 * * * *', '*/5 * * * *']),
      time_zone: moment.zone,
      duration_ms: prng.pick([60_000, 90_000]),
    });
    return prng.pick([
      [one('allow')],
      [one('deny')],
      [one('allow'), one('deny')],
      [one('deny'), one('deny')],
      [one('allow'), never],
    ]);
  }

  private spec(nowMs: number, agentIds: readonly string[]): ScheduleSpec {
    const { prng, moment } = this;
    const fixed = `${prng.pick(['0', '15', '30', '*/15', '0,30,45'])} ${prng.pick(moment.hours)} * * *`;
    const {
      not_before_ms: _before,
      not_after_ms: _after,
      ...drawn
    } = drawTaskSpec(prng, { nowMs, agentIds });
    // One that nobody suits lives until somebody cancels it.
    const { agent_id: _agent, ...anywhere } = drawn;
    const isStuck = prng.chance(0.6);
    const task = isStuck ? { ...anywhere, selector: nowhere, delivery_timeout_ms: 0 } : drawn;
    return {
      cron: prng.chance(0.6) ? prng.pick(['* * * * *', '* * * * *', '* * * * *', '*/2 * * * *']) : fixed,
      time_zone: moment.zone,
      jitter_ms: prng.pick([0, 0, 0, 3_000, 200_000]),
      missed_after_ms: prng.pick([1_000, 5_000, 600_000, 600_000]),
      overlap: prng.pick(['allow', 'forbid', 'forbid', 'replace', 'replace']),
      task,
      ...(!isStuck && prng.chance(0.3) && { max_delay_ms: 3_000 }),
    };
  }
}
