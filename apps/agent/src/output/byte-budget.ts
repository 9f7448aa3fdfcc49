/** Bytes of output held in memory at once: of one attempt, within those of all attempts. */
export class ByteBudget {
  private used = 0;

  constructor(
    readonly capacityBytes: number,
    private readonly parent?: ByteBudget,
  ) {}

  take(bytes: number): boolean {
    if (this.used + bytes > this.capacityBytes) return false;
    if (this.parent !== undefined && !this.parent.take(bytes)) return false;
    this.used += bytes;
    return true;
  }

  /** Cannot be refused (marks, bookkeeping); what it uses is missing for the next `take`. */
  charge(bytes: number): void {
    this.used += bytes;
    this.parent?.charge(bytes);
  }

  give(bytes: number): void {
    this.used -= bytes;
    this.parent?.give(bytes);
  }

  isNearlyFull(): boolean {
    return this.used > this.capacityBytes / 2 || (this.parent?.isNearlyFull() ?? false);
  }
}
