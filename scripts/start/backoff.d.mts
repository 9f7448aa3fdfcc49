export function backoffMs(failuresInARow: number): number;
