import { getPriority, setPriority } from 'node:os';

const lowest = 19;
const steps = 10;

/**
 * The thread that calls this lets those of the owner's go first when there are not processors for all. Only Linux
 * keeps a priority for each thread (setpriority(2), "C library/kernel differences"); elsewhere the whole process
 * would step back, so there nothing is done.
 */
export function stepBack(): void {
  if (process.platform !== 'linux') return;
  setPriority(Math.min(lowest, getPriority() + steps));
}
