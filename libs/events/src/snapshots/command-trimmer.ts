import { type LogPort } from '@fluxforge/events/log';
import { type KeeperNews } from './news.js';
import { type SnapshotPace } from './settings.js';

/**
 * Deletes commands that need not be read again: those that a durable snapshot covers, and the journal with
 * it, and that are older than a day. What is deleted too early could not be decided any more, so both must hold.
 */
export class CommandTrimmer {
  /** By partition: next offset of the commands that a durable snapshot covers. */
  private readonly coveredTo = new Map<number, number>();
  private nextMs: number;

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly pace: Pick<SnapshotPace, 'trimEveryMs' | 'trimAfterMs'>,
    private readonly nowMs: () => number,
    private readonly tell: (news: KeeperNews) => void,
  ) {
    this.nextMs = nowMs() + pace.trimEveryMs;
  }

  covered(partition: number, commands: number): void {
    this.coveredTo.set(partition, Math.max(commands, this.coveredTo.get(partition) ?? 0));
  }

  forget(partition: number): void {
    this.coveredTo.delete(partition);
  }

  /** Trims the led partitions, when it is time again. A failure waits for the next time. */
  async turn(led: readonly number[]): Promise<void> {
    if (this.nowMs() < this.nextMs) return;
    this.nextMs = this.nowMs() + this.pace.trimEveryMs;
    for (const partition of led) {
      try {
        await this.trim(partition);
      } catch (error: unknown) {
        const reason = error instanceof Error ? error.message : String(error);
        this.tell({
          kind: 'said',
          level: 'warn',
          message: 'commands not trimmed',
          detail: { partition, reason },
        });
      }
    }
  }

  private async trim(partition: number): Promise<void> {
    const covered = this.coveredTo.get(partition);
    if (covered === undefined) return;
    const tp = { topic: this.topic, partition };
    const oldEnough = await this.log.offsetAt(tp, this.nowMs() - this.pace.trimAfterMs);
    const { low } = await this.log.offsets(tp);
    const before = Math.min(covered, oldEnough);
    if (before <= low) return;
    const newLow = await this.log.trim(tp, before);
    const detail = { partition, low: newLow, deleted: newLow - low };
    this.tell({ kind: 'said', level: 'info', message: 'commands trimmed', detail });
  }
}
