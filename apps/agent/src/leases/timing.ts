/**
 * The agent must be done with a command before the server may give it to another. So it begins to stop
 * this long before the lease's end, and its SIGKILL falls well inside.
 */
export function fenceMarginMs(durationMs: number): number {
  return Math.min(5000, Math.max(300, durationMs / 5));
}

export function fenceGraceMs(remainingMs: number, graceMs: number): number {
  return Math.max(0, Math.min(graceMs, remainingMs / 2));
}
