import { performance } from 'node:perf_hooks';

/**
 * Milliseconds since the epoch that never jump: the wall clock as it stood at process start, carried on by
 * the monotonic one. A stepped wall clock therefore expires no lease and rewinds no event time.
 */
export function steadyClock(): () => number {
  const offsetMs = Date.now() - performance.now();
  return () => Math.round(offsetMs + performance.now());
}
