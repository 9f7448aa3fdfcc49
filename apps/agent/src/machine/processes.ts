import { readFileSync, readdirSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  group: number;
  /** Field 22 of /proc/<pid>/stat. With the pid it names one process for the life of this boot. */
  startTicks: number;
  /** A zombie: dead, and only waits for its parent. */
  dead: boolean;
}

/** Every process of the machine, as far as /proc shows it. Empty where there is no /proc. */
export function processTable(): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  for (const name of listProc()) {
    const entry = processEntry(Number(name));
    if (entry !== undefined) found.push(entry);
  }
  return found;
}

export function processEntry(pid: number): ProcessEntry | undefined {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The environment a process was started with; undefined when it is gone or not ours to read. */
export function environmentOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return undefined;
  }
}

function listProc(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function parseStat(pid: number, stat: string): ProcessEntry | undefined {
  // The command name (field 2) may hold blanks and brackets: everything counts from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, , group] = fields;
  const startTicks = Number(fields[19]);
  if (state === undefined || group === undefined || !Number.isFinite(startTicks)) return undefined;
  return { pid, group: Number(group), startTicks, dead: state === 'Z' || state === 'X' };
}
