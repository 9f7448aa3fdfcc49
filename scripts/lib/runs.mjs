// A run: one launcher and all that it starts, marked by FLUXFORGE_RUN_ID. Its record in .cache/runs lets the
// next launcher clean up after one that died together with its guard.
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { CACHE, inRoot } from './paths.mjs';
import { poll, within } from './poll.mjs';
import { RUN_ID, endProcesses, findByRunId, isAlive, startTimeOf } from './procs.mjs';

const RUNS = path.join(CACHE, 'runs');
const GUARD_DEADLINE_MS = 20_000;

/** A run inside a run (a test that starts a launcher) carries the outer id before its own: a.b is also of a. */
export function newRunId(outer = process.env[RUN_ID]) {
  const id = randomBytes(6).toString('hex');
  return outer ? `${outer}.${id}` : id;
}

function records() {
  if (!fs.existsSync(RUNS)) return [];
  return fs.readdirSync(RUNS).flatMap((name) => {
    const file = path.join(RUNS, name);
    try {
      return [{ file, ...JSON.parse(fs.readFileSync(file, 'utf8')) }];
    } catch {
      return []; // being written or removed by another launcher
    }
  });
}

/** Ends what launchers that are no more have left: their processes, their temporary folders. */
export async function sweepDeadRuns() {
  const swept = [];
  for (const record of records().filter((r) => !isAlive(r))) {
    // The guard of a launcher that died a moment ago is at work: what it ends is not to be met half stopped.
    const guarded = () => record.guard !== undefined && isAlive(record.guard);
    await poll(() => !guarded(), { deadlineMs: GUARD_DEADLINE_MS, what: '' }).catch(() => undefined);
    const left = findByRunId(record.runId);
    await endProcesses(left);
    for (const folder of record.folders ?? []) fs.rmSync(folder, { recursive: true, force: true });
    fs.rmSync(record.file, { force: true });
    if (left.length > 0) swept.push({ runId: record.runId, ended: left.length });
  }
  return swept;
}

/** `folders` are removed when the run ends, in whatever way. */
export function beginRun({ folders = [] } = {}) {
  const runId = newRunId();
  const args = [inRoot('scripts', 'lib', 'guard.mjs'), runId, ...folders];
  const guard = spawn(process.execPath, args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.stdin.on('error', () => undefined);
  guard.unref();
  guard.stdin.unref?.();
  const gone = new Promise((resolve) => guard.once('exit', resolve));
  fs.mkdirSync(RUNS, { recursive: true });
  const file = path.join(RUNS, `${runId}.json`);
  const watcher = { pid: guard.pid, startTime: startTimeOf(guard.pid) };
  const self = { pid: process.pid, startTime: startTimeOf(process.pid) };
  fs.writeFileSync(file, JSON.stringify({ runId, ...self, guard: watcher, folders }));
  return {
    runId,
    env: { ...process.env, [RUN_ID]: runId },
    leftovers: () => findByRunId(runId),
    async end() {
      guard.stdin.end('done\n');
      await within(gone, GUARD_DEADLINE_MS);
      for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
      fs.rmSync(file, { force: true });
    },
  };
}
