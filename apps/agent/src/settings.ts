/** Bounds and times that no operator needs to choose. */
export const agentSettings = {
  journal: {
    segmentBytes: 8 * 1024 * 1024,
    reserveBytes: 512 * 1024,
    maxHeld: 2048,
  },
  /** Room for one more segment: below it no lease is taken. */
  minFreeDiskBytes: 16 * 1024 * 1024,
  graceMs: 5000,
  pipeLingerMs: 500,
  outputBytes: 8 * 1024 * 1024,
  fenceEveryMs: 100,
  /** A clean stop is over within 10 s: grace, the kill behind it, and the last words. */
  drainGraceMs: 4000,
  drainFlushMs: 2000,
  drainCloseMs: 500,
  baseEnv: {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
  },
} as const;
