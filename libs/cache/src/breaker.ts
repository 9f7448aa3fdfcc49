/**
 * What keeps a dead cache from costing each request a deadline.
 *
 *   closed  calls go through. One fails: open.
 *   open    no call goes through, for `restMs`. Then: probing.
 *   probing the next call goes through, and no other until it is answered. It succeeds: closed. It fails: open.
 */
export class Breaker {
  private state: 'closed' | 'open' | 'probing' = 'closed';
  private openUntilMs = 0;

  constructor(
    private readonly restMs: number,
    private readonly nowMs: () => number,
  ) {}

  get closed(): boolean {
    return this.state === 'closed';
  }

  /** Whether this call may go through; whoever is told so says later how it went. */
  enter(): boolean {
    if (this.state === 'closed') return true;
    if (this.state === 'probing' || this.nowMs() < this.openUntilMs) return false;
    this.state = 'probing';
    return true;
  }

  succeeded(): void {
    // A call of before a failure says nothing of now.
    if (this.state === 'probing') this.state = 'closed';
  }

  failed(): void {
    this.state = 'open';
    this.openUntilMs = this.nowMs() + this.restMs;
  }
}
