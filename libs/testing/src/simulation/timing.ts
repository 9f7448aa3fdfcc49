/** Below the margin of leases: a former owner grants nothing that a new one would not wait for. */
export const confirmIntervalMs = 300;
