/** The rest after each failure in a row, doubled every time. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly baseMs: number,
    private readonly maxMs: number,
  ) {}

  nextMs(): number {
    this.failures += 1;
    return Math.min(this.maxMs, this.baseMs * 2 ** Math.min(this.failures - 1, 16));
  }

  succeeded(): void {
    this.failures = 0;
  }
}
