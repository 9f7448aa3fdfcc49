import { environmentOf, isErrno, processTable } from '../../machine/index.js';

/**
 * Everything one job started: the process group of its leader, and whoever left the group (setsid, a
 * double fork) but still carries the job's mark in the environment it was started with.
 */
export interface ProcessTree {
  /** Undefined when only the mark is known (the agent died between spawn and journal). */
  group: number | undefined;
  /** `NAME=value` */
  mark: string;
}

const POLL_MS = 20;
const LOOK_EVERY_MS = 150;
/** A process that survives SIGKILL for so long sits in the kernel (D state); it is reported as such. */
const KILL_PATIENCE_MS = 5000;

export interface StopHandle {
  /** True when nothing is left alive. */
  done: Promise<boolean>;
  shorten(graceMs: number): void;
}

export function stopTree(tree: ProcessTree, graceMs: number): StopHandle {
  let killAtMs = performance.now() + graceMs;
  const run = async (): Promise<boolean> => {
    signalAll(tree, 'SIGTERM');
    if (await goneBefore(tree, () => killAtMs)) return true;
    const giveUpAtMs = performance.now() + KILL_PATIENCE_MS;
    // Again and again: a fork bomb makes new ones between the look and the kill.
    while (performance.now() < giveUpAtMs) {
      signalAll(tree, 'SIGKILL');
      const roundEndsAtMs = performance.now() + LOOK_EVERY_MS;
      if (await goneBefore(tree, () => roundEndsAtMs)) return true;
    }
    return false;
  };
  return {
    done: run(),
    shorten: (ms) => {
      killAtMs = Math.min(killAtMs, performance.now() + ms);
    },
  };
}

/** The cheap question often, the whole process table seldom or when the cheap one says that all are gone. */
async function goneBefore(tree: ProcessTree, endsAtMs: () => number): Promise<boolean> {
  let lookedAtMs = performance.now();
  do {
    await pause(Math.min(POLL_MS, Math.max(1, endsAtMs() - performance.now())));
    const isLookDue = performance.now() - lookedAtMs >= LOOK_EVERY_MS || performance.now() >= endsAtMs();
    if (!isLookDue && groupExists(tree)) continue;
    if (isLookDue || tree.group !== undefined) {
      if (membersOf(tree).length === 0) return true;
      lookedAtMs = performance.now();
    }
  } while (performance.now() < endsAtMs());
  return false;
}

/** Zombies count here, so a yes proves nothing. */
function groupExists({ group }: ProcessTree): boolean {
  if (group === undefined) return true;
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return !isErrno(error, 'ESRCH');
  }
}

function signalAll(tree: ProcessTree, signal: NodeJS.Signals): void {
  // One system call reaches the whole group, also members born after the table was read.
  if (tree.group !== undefined) send(-tree.group, signal);
  for (const { pid, group } of membersOf(tree)) if (group !== tree.group) send(pid, signal);
}

function membersOf(tree: ProcessTree): { pid: number; group: number }[] {
  return processTable().filter(
    ({ pid, group, dead }) => !dead && (group === tree.group || carries(pid, tree.mark)),
  );
}

function carries(pid: number, mark: string): boolean {
  return environmentOf(pid)?.includes(mark) ?? false;
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // ESRCH: already gone. EPERM: it took another user's id; the caller sees it stay alive.
    if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
