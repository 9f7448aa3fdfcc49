import { type ReconcilerMessage } from '@fluxforge/domain/reconciling';
import { type CheckRequest, type CheckResult } from '@fluxforge/events/catalogue';
import { type Process } from './process.js';
import { type Prng } from './prng.js';
import { type Timeline } from './timeline.js';

/** Who follows the telemetry topics. */
export interface TelemetryReader {
  readonly process: Process;
  /** A check request, for the dispatcher's side. */
  forward(partition: number, request: CheckRequest): void;
  /** A check result, for the reconciler's. */
  take(partition: number, message: ReconcilerMessage): void;
}

/** The telemetry topics: no position, so a new owner starts at their end, and what is lost is asked again. */
export class Telemetry {
  lost = 0;
  processes: () => readonly TelemetryReader[] = () => [];

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

  private carry(what: string, to: (process: TelemetryReader) => void): void {
    if (this.prng.chance(this.loss)) {
      this.lost += 1;
      return;
    }
    this.timeline.after(this.prng.between(2, 12), what, () => {
      for (const process of this.processes()) process.process.enter(() => to(process));
    });
  }
}
