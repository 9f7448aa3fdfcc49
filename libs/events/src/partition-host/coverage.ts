import { startOfLog, type Covered, type Position } from '@fluxforge/events/journal';
import { type StoredRecord } from '@fluxforge/events/log';
import { coveredWith } from './recovery.js';

const nothing: Covered = { commands: 0, foreign: startOfLog };

/** How far the durable inputs are dealt with, and how much of that the log says. */
export class Coverage {
  private decided = nothing;
  private inLog = nothing;
  private owes = false;
  private lastRecordMs = 0;

  /** Covered by the events decided so far (and, once nothing is out, committed). */
  get covered(): Covered {
    return this.decided;
  }

  /** Covered according to the last record of the log. */
  get recorded(): Covered {
    return this.inLog;
  }

  empty(): void {
    this.begin(nothing);
    this.owes = false;
    this.lastRecordMs = 0;
  }

  begin(covered: Covered): void {
    this.decided = covered;
    this.inLog = covered;
  }

  /** An accepted record of the own log. */
  read(record: StoredRecord): void {
    this.inLog = coveredWith(record, this.inLog);
  }

  /** The log is read: commands go on where it says. The foreign view is still to be folded up to there. */
  lead(): void {
    this.decided = { commands: this.inLog.commands, foreign: this.decided.foreign };
  }

  viewRebuilt(to: Position): void {
    this.decided = { ...this.decided, foreign: to };
  }

  /** `isNews`: a new owner should not have to deal with it again. */
  foreignTaken(at: Position, isNews: boolean): void {
    this.decided = { ...this.decided, foreign: at };
    if (isNews) this.owes = true;
  }

  commandTaken(next: number, isNews: boolean): void {
    this.decided = { ...this.decided, commands: next };
    if (isNews) this.owes = true;
  }

  /** Whether inputs were dealt with that nothing in the log speaks of, and it is time to say so. */
  owesProgress(nowMs: number, intervalMs: number): boolean {
    return this.owes && nowMs - this.lastRecordMs >= intervalMs;
  }

  /** A batch with what is covered so far is out. */
  sent(nowMs: number): void {
    this.owes = false;
    this.lastRecordMs = nowMs;
  }

  committed(covered: Covered): void {
    this.inLog = covered;
  }
}
