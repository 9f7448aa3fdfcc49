import { readdirSync, readFileSync } from 'node:fs';

/** Living processes (no zombies) that carry this variable with this value in their environment. */
export function processesWith(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return pids().filter((pid) => isAlive(pid) && read(`/proc/${pid}/environ`).split('\0').includes(wanted));
}

export function signalChildren(parent: number, signal: NodeJS.Signals): void {
  signalAll(childrenOf(parent), signal);
}

export function signalAll(targets: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of targets) {
    try {
      process.kill(pid, signal);
    } catch {
      // ended since it was looked up
    }
  }
}

export function childrenOf(parent: number): number[] {
  return pids().filter((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
  });
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  const state = stat.charAt(stat.lastIndexOf(')') + 2);
  return state !== '' && state !== 'Z';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // gone meanwhile
  }
}
