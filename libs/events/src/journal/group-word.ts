/**
 * A group's generation only rises while the group lives. Of two successful heartbeats in a row at least the
 * second was sent after the first was heard; if both are at a lower generation than the rival's claim, the
 * group was forgotten by its coordinator and began anew, and that claim's generation says nothing.
 */
const beatsThatShowReset = 2;

/**
 * What the group has said of where the partition is placed, weighed against the generations that the claims
 * of others name: whoever was placed here later has the better right.
 */
export class GroupWord {
  private latest = -1;
  private heartbeat = -1;
  /** Generation of the last counted claim of somebody else, as far as it was read; -1 for none. */
  private rival = -1;
  /** Generations up to this one are of a former life of the group. */
  private former = -1;
  /** Of the rival's claim that this owner fell to. Null: there is none to wait for. */
  private awaited: number | null = null;
  /** Heartbeats since then at a lower generation. */
  private lowerBeats = 0;

  /** At which the partition was last said to be placed here; a claim names it. */
  get generation(): number {
    return Math.max(0, this.latest);
  }

  /** The generation of the rival's claim that was read last, or null. */
  get rivalGeneration(): number | null {
    return this.rival < 0 ? null : this.rival;
  }

  placed(generation: number): void {
    this.latest = generation;
    this.heartbeat = Math.max(this.heartbeat, generation);
  }

  /** A heartbeat was answered at this generation. */
  heard(generation: number, isWaiting: boolean): void {
    this.heartbeat = Math.max(this.heartbeat, generation);
    this.latest = generation;
    if (isWaiting) this.countLowerBeat(generation);
  }

  /** The log is read anew: claims are still to be met. */
  forgetRivals(): void {
    this.rival = -1;
  }

  /** A claim that counts was read. Null: it is the own one. */
  claimRead(generation: number | null): void {
    this.rival = generation ?? -1;
  }

  /** Whether somebody else was placed here later than this process last heard of the group. */
  get isOutdated(): boolean {
    return this.rival > Math.max(this.heartbeat, this.former);
  }

  /** After a rival's claim, only a heartbeat at its generation or later gives the right to claim again. */
  wait(rivalGeneration: number | null): void {
    this.awaited = rivalGeneration;
    this.lowerBeats = 0;
  }

  /** A heartbeat from before the rival's claim says nothing about who is assigned now. */
  forgetHeartbeats(): void {
    this.heartbeat = -1;
  }

  get mayClaim(): boolean {
    return this.awaited === null || this.heartbeat >= this.awaited;
  }

  private countLowerBeat(generation: number): void {
    if (this.awaited === null || generation >= this.awaited) return;
    this.lowerBeats += 1;
    if (this.lowerBeats < beatsThatShowReset) return;
    this.former = this.awaited;
    this.awaited = null;
  }
}
