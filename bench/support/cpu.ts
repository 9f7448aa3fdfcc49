import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** CPU microseconds that a process and its descendants have used so far. Linux only; 0 when it is gone. */
export function cpuUs(pid: number): number {
  return family(pid).reduce((sum, member) => sum + ownCpuUs(member), 0);
}

function ownCpuUs(pid: number): number {
  const fields = statOf(pid);
  if (!fields) return 0;
  // utime, stime, cutime, cstime: fields 14 to 17, counted behind the name.
  const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
  return (ticks / ticksPerSecond) * 1e6;
}

function family(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    if (fields) parents.set(Number(name), Number(fields[1]));
  }
  const members = [root];
  for (let i = 0; i < members.length; i++) {
    for (const [child, parent] of parents) if (parent === members[i]) members.push(child);
  }
  return members;
}

function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}
