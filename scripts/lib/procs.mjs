// Which processes are ours. A process is known by its pid *and* its start time (a pid alone may have been
// given to another process since), or by FLUXFORGE_RUN_ID in its environment. Linux reads /proc; elsewhere
// the same answers come from `ps`.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { poll } from './poll.mjs';

export const RUN_ID = 'FLUXFORGE_RUN_ID';
const linux = process.platform === 'linux';

/** state, ppid and start time from the text of /proc/<pid>/stat; the command may hold spaces and brackets. */
export function parseStat(text) {
  const close = text.lastIndexOf(')');
  const open = text.indexOf('(');
  if (open < 0 || close < open) return undefined;
  const rest = text.slice(close + 2).split(' ');
  if (rest.length < 20) return undefined;
  return { name: text.slice(open + 1, close), state: rest[0], ppid: Number(rest[1]), startTime: rest[19] };
}

/** The value of one variable in the NUL-separated text of /proc/<pid>/environ. */
export function environValue(text, name) {
  const entry = text.split('\0').find((e) => e.startsWith(`${name}=`));
  return entry?.slice(name.length + 1);
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined; // gone meanwhile, or another user's
  }
}

function ps(args) {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}

/** A value that changes when the pid is given to another process; `undefined` when nothing runs there. */
export function startTimeOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (linux) {
    const stat = parseStat(read(`/proc/${pid}/stat`) ?? '');
    return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTime;
  }
  const [state, ...start] = ps(['-o', 'state=,lstart=', '-p', String(pid)])
    .trim()
    .split(/\s+/);
  return !state || state.startsWith('Z') ? undefined : start.join(' ');
}

export function isAlive({ pid, startTime }) {
  const now = startTimeOf(pid);
  return now !== undefined && (startTime === undefined || now === startTime);
}

export function commandLine(pid) {
  if (linux) return (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return ps(['-ww', '-o', 'command=', '-p', String(pid)]).trim();
}

function linuxProcesses() {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = parseStat(read(`/proc/${name}/stat`) ?? '');
      if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return [];
      const runId = environValue(read(`/proc/${name}/environ`) ?? '', RUN_ID);
      return [{ pid: Number(name), ppid: stat.ppid, startTime: stat.startTime, runId }];
    });
}

function otherProcesses() {
  return ps(['-axEww', '-o', 'pid=,ppid=,command='])
    .split('\n')
    .flatMap((line) => {
      const [, pid, ppid, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      const runId = new RegExp(`(?:^|\\s)${RUN_ID}=(\\S+)`).exec(command ?? '')?.[1];
      return pid ? [{ pid: Number(pid), ppid: Number(ppid), startTime: undefined, runId }] : [];
    });
}

/**
 * Processes marked with the run id (or that of a run inside it, `<run id>.<its own>`), and their descendants: some programs (Postgres) write over their own
 * environment, and a task may start its command with a clean one.
 */
export function withRunId(processes, runId, self) {
  const marked = (p) => p.runId === runId || p.runId?.startsWith(`${runId}.`);
  const ours = new Set(processes.filter((p) => marked(p) && p.pid !== self).map((p) => p.pid));
  for (let grown = true; grown;) {
    grown = false;
    for (const p of processes) {
      if (ours.has(p.pid) || !ours.has(p.ppid) || p.pid === self) continue;
      ours.add(p.pid);
      grown = true;
    }
  }
  return processes.filter((p) => ours.has(p.pid));
}

export function findByRunId(runId) {
  if (!runId) return [];
  return withRunId(linux ? linuxProcesses() : otherProcesses(), runId, process.pid);
}

export function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false; // gone
  }
}

/** Asks first, then forces; resolves when none of them is left. */
export async function endProcesses(processes, { first = 'SIGTERM', graceMs = 5000 } = {}) {
  const left = () => processes.filter((p) => isAlive(p));
  for (const p of left()) {
    signal(p.pid, first);
    signal(p.pid, 'SIGCONT'); // a paused process acts on nothing but SIGKILL
  }
  await poll(() => left().length === 0, { deadlineMs: graceMs, what: '' }).catch(() => undefined);
  for (const p of left()) signal(p.pid, 'SIGKILL');
  await poll(() => left().length === 0, {
    deadlineMs: 5000,
    what: () => `these processes do not end: ${left().map((p) => p.pid)}`,
  });
}
