import { type ReconcilerMessage } from '@fluxforge/domain/reconciling';
import { type CheckRequest, type CheckResult } from '@fluxforge/events/catalogue';
import { type ControlProcess } from './control-process.js';
import { type Prng } from './prng.js';
import { type Timeline } from './timeline.js';

/** The telemetry topics: no position, so a new owner starts at their end, and what is lost is asked again. */
export class Telemetry {
  lost = 0;
  processes: () => readonly ControlProcess[] = () => [];

  constructor(
    private readonly timeline: Timeline,
    private readonly prng: Prng,
    private loss: number,
  ) {}

  heal(): void {
    this.loss = 0;
  }

  askChecks(partition: number, request: CheckRequest): void {
    this.carry('check-request', (process) => process.forward(partition, request));
  }

  tellResults(
    partition: number,
    who: { readonly tenantId: string; readonly agentId: string },
    results: readonly CheckResult[],
  ): void {
    const { tenantId, agentId } = who;
    this.carry('check-results', (process) => {
      for (const result of results) {
        const message: ReconcilerMessage = { kind: 'check-result', tenantId, agentId, result };
        process.take(partition, message);
      }
    });
  }

  private carry(what: string, to: (process: ControlProcess) => void): void {
    if (this.prng.chance(this.loss)) {
      this.lost += 1;
      return;
    }
    this.timeline.after(this.prng.between(2, 12), what, () => {
      for (const process of this.processes()) process.process.enter(() => to(process));
    });
  }
}
