import { WireRequestQueue } from './kafkajs-internals.js';

const CHECK_PENDING_MS = 10;

/**
 * kafkajs 2.2.4 re-arms a 1 ms timer on every connection for ever, which costs a few percent of a core at
 * rest. This one arms a timer only when there is something to wait for.
 */
export function patchRequestQueue(): void {
  WireRequestQueue.prototype.scheduleCheckPendingRequests = function (this: WireRequestQueue) {
    if (this.throttleCheckTimeoutId) return;
    const throttledMs = this.throttledUntil - Date.now();
    if (this.pending.length === 0 && throttledMs <= 0) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : CHECK_PENDING_MS,
    );
  };
}
