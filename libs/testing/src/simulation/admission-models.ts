import { type TasksPolicy } from '@fluxforge/domain/tasks-context';
import { type Fact } from '@fluxforge/events/catalogue';
import { BrakeModel } from './brake-model.js';
import { BreakerModel } from './breaker-model.js';
import { ConcurrencyModel } from './concurrency-model.js';
import { type Counters } from './counters.js';
import { DrainModel } from './drain-model.js';
import { FanoutModels } from './fanout-model.js';
import { ModeModel } from './mode-model.js';
import { QuietModel } from './quiet-model.js';
import { QuotaModel } from './quota-model.js';

/** What admission promises, of one partition of the tasks context. */
export class AdmissionModels {
  readonly quotas: QuotaModel;
  readonly modes: ModeModel;
  readonly fanouts: FanoutModels;
  private readonly concurrency: ConcurrencyModel;
  private readonly breakers: BreakerModel;
  private readonly brake: BrakeModel;
  private readonly drains: DrainModel;
  private readonly quiet: QuietModel | null;

  constructor(counters: Counters, policy: TasksPolicy, quietTenant: string | null) {
    this.quotas = new QuotaModel(counters, policy.defaultLimits);
    this.modes = new ModeModel(counters);
    this.fanouts = new FanoutModels(counters);
    this.concurrency = new ConcurrencyModel(counters);
    this.breakers = new BreakerModel(policy.breakers, counters);
    this.brake = new BrakeModel(policy.brake, counters);
    this.drains = new DrainModel(counters);
    this.quiet = quietTenant === null ? null : new QuietModel(quietTenant);
  }

  fold(fact: Fact): void {
    this.quotas.fold(fact);
    this.modes.fold(fact);
    this.concurrency.fold(fact);
    this.fanouts.fold(fact);
    this.breakers.fold(fact);
    this.brake.fold(fact);
    this.drains.fold(fact);
    this.quiet?.fold(fact);
  }
}
