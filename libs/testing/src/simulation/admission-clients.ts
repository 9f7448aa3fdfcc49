import {
  liftableLimits,
  systemTenant,
  type CommandBody,
  type Limits,
  type LimitsChange,
  type Mode,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type AdmissionModels } from './admission-models.js';
import { type Prng } from './prng.js';
import { type DrainScenario, type Scenario } from './scenario.js';
import { type Timeline } from './timeline.js';

/** Sends to the partition of the tenant, or to the one that is named. */
export type SendTo = (tenantId: string, body: CommandBody, partition?: number) => void;

/** Any task that is made here fits into an empty queue of so much. */
const enoughBytes = 1_200;
const modes = ['degraded', 'read-only', 'draining'] as const;

/** Operators who turn the limits and the modes of tenants and of the cluster. */
export class AdmissionClients {
  private readonly changes: Prng;
  private readonly bytes: Prng;

  constructor(
    private readonly scenario: Scenario,
    private readonly prng: Prng,
    private readonly send: SendTo,
    private readonly tenants: ReadonlySet<string>,
  ) {
    this.changes = prng.fork('changes of limits');
    this.bytes = prng.fork('declared bytes');
  }

  setLimits(): void {
    const tenantId = this.prng.pick(this.scenario.tenants);
    if (!this.tenants.has(tenantId)) return;
    const limits = this.drawLimits();
    const data = this.changes.chance(0.5) ? { limits } : { change: this.drawChange(limits) };
    this.send(tenantId, { type: 'tenant.set-limits', data });
  }

  /** Answers what takes it back. */
  setMode(): () => void {
    const mode = this.prng.pick(modes);
    if (this.prng.chance(0.5)) {
      const partition = this.prng.below(this.scenario.partitions);
      this.cluster(partition, mode);
      return () => this.cluster(partition, 'normal');
    }
    const tenantId = this.prng.pick(this.scenario.tenants);
    if (this.tenants.has(tenantId)) this.send(tenantId, { type: 'tenant.set-mode', data: { mode } });
    return () => this.send(tenantId, { type: 'tenant.set-mode', data: { mode: 'normal' } });
  }

  drainAll(timeline: Timeline, { atMs, forMs, by }: DrainScenario): void {
    timeline.after(atMs, 'drain', () => this.setModeOfAll(by, 'draining'));
    timeline.after(atMs + forMs, 'go on', () => this.setModeOfAll(by, 'normal'));
  }

  /** What still holds anybody back is lifted: everything has to come to its end. */
  tidy(models: readonly AdmissionModels[]): void {
    for (const [partition, { modes: model }] of models.entries()) {
      if (!model.isNormal) this.cluster(partition, 'normal');
    }
    for (const tenantId of this.tenants) {
      for (const { quotas, modes: model } of models) {
        const limits = quotas.limitsOf(tenantId);
        if (!limits) continue;
        if (model.tenantMode(tenantId) !== 'normal') {
          this.send(tenantId, { type: 'tenant.set-mode', data: { mode: 'normal' } });
        }
        const { output_bytes_per_hour: output, max_queued_bytes: queued = enoughBytes } = limits;
        if (output === undefined && queued >= enoughBytes) continue;
        const change = {
          set: { max_queued_bytes: enoughBytes },
          unset: ['output_bytes_per_hour' as const],
        };
        this.send(tenantId, { type: 'tenant.set-limits', data: { change } });
      }
    }
  }

  /** Some tasks share keys. */
  keyed(spec: TaskSpec): TaskSpec {
    if (!this.prng.chance(0.35)) return spec;
    const strategy = this.prng.pick([
      'queue',
      'drop-new',
      'cancel-running',
      'round-robin',
      'round-robin',
      'round-robin',
    ] as const);
    const concurrency = { key: this.prng.pick(['k', 'l']), max: this.prng.between(1, 2), strategy };
    return { ...spec, concurrency };
  }

  private cluster(partition: number, mode: Mode): void {
    this.send(systemTenant, { type: 'cluster.set-mode', data: { mode } }, partition);
  }

  private setModeOfAll(by: DrainScenario['by'], mode: Mode): void {
    if (by === 'cluster') {
      for (let partition = 0; partition < this.scenario.partitions; partition++)
        this.cluster(partition, mode);
      return;
    }
    for (const tenantId of this.tenants) this.send(tenantId, { type: 'tenant.set-mode', data: { mode } });
  }

  /** One limit of those drawn, and what they do not have is lifted. */
  private drawChange(limits: Limits): LimitsChange {
    const name = this.changes.pick(Object.keys(limits) as (keyof Limits)[]);
    const unset = liftableLimits.values.filter((one) => limits[one] === undefined);
    return { set: { [name]: limits[name] }, unset: this.changes.chance(0.5) ? unset : [] };
  }

  private drawLimits(): Limits {
    const { prng, changes } = this;
    const {
      max_queued_bytes: _q,
      max_declared_bytes: _d,
      ...defaults
    } = this.scenario.tasksPolicy.defaultLimits;
    return {
      ...defaults,
      max_queued_tasks: prng.pick([2, 4, 1_000]),
      ...(prng.chance(0.5) && { max_running_tasks: prng.between(1, 2) }),
      ...(prng.chance(0.4) && {
        submissions_per_s: prng.between(1, 2),
        submission_burst: prng.between(1, 3),
      }),
      ...(prng.chance(0.4) && { output_bytes_per_hour: prng.pick([1_000, 2_048, 6_000, 20_000]) }),
      ...(changes.chance(0.3) && { max_agents: changes.between(1, 2) }),
      ...(changes.chance(0.3) && { max_states: changes.between(1, 2) }),
      // From less than any task takes.
      ...(changes.chance(0.4) && { max_queued_bytes: changes.pick([200, 600, 1_500, 3_000]) }),
      ...(this.bytes.chance(0.4) && { max_declared_bytes: this.bytes.pick([200, 900, 1_500, 3_000]) }),
    };
  }
}
