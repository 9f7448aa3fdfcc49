import { type Logger } from '@fluxforge/telemetry';

export interface OutputStore {
  /** Deletes at most `limit` rows of before; answers how many. */
  sweepOutput(beforeMs: number, limit: number): Promise<number>;
}

/** As long as the `logs` topic keeps what the rows were made of: a rebuild brings no older ones back. */
export const outputKeptMs = 7 * 24 * 3_600_000;
const everyMs = 60_000;
const batchRows = 2_000;
/** Of one round: what is left waits for the next, so that projections are not kept waiting for the disk. */
const batchesAtOnce = 20;

/**
 * Output is telemetry and grows with every run: rows that are too old are deleted, a bounded number at a
 * time. Several projectors may do so side by side; they delete the same rows, once.
 */
export class OutputSweep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly store: OutputStore,
    private readonly logger: Logger,
    private readonly nowMs: () => number = Date.now,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.begin(), everyMs);
    this.timer.unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  /** One round; answers how many rows went. */
  async round(): Promise<number> {
    const beforeMs = this.nowMs() - outputKeptMs;
    let swept = 0;
    for (let batch = 0; batch < batchesAtOnce && !this.closed; batch += 1) {
      const rows = await this.store.sweepOutput(beforeMs, batchRows);
      swept += rows;
      if (rows < batchRows) break;
    }
    return swept;
  }

  private begin(): void {
    this.running ??= this.round()
      .then((rows) => {
        if (rows > 0) this.logger.info({ rows }, 'old output swept');
      })
      // Postgres is away: the next round finds the same rows.
      .catch((error: unknown) => this.logger.warn({ err: error }, 'old output not swept, trying again'))
      .finally(() => {
        this.running = null;
      });
  }
}
