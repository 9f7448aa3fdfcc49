/** More than this waiting for a paused process: the oldest connections would have been cut long before. */
const maxInbox = 5_000;

/**
 * Something that can be killed and paused. All that happens to it comes through `enter`: a dead one hears
 * nothing more; a paused one hears all of it later, in order, and believes that no time has passed.
 */
export class Process {
  private state: 'running' | 'paused' | 'dead' = 'running';
  private inbox: (() => void)[] = [];

  get alive(): boolean {
    return this.state !== 'dead';
  }

  get running(): boolean {
    return this.state === 'running';
  }

  enter(input: () => void): void {
    if (this.state === 'running') input();
    else if (this.state === 'paused' && this.inbox.length < maxInbox) this.inbox.push(input);
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused';
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    const inbox = this.inbox;
    this.inbox = [];
    for (const input of inbox) this.enter(input);
  }

  kill(): void {
    this.state = 'dead';
    this.inbox = [];
  }
}
