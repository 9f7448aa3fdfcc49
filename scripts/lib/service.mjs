// One child process in its own session (a Ctrl-C on the terminal reaches the launcher alone, which then
// stops things in order), writing into a log file, with a pid file that outlives a crash of the launcher.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { endProcesses, isAlive, signal, startTimeOf } from './procs.mjs';
import { openLog, tail } from './logs.mjs';

export function readPidFile(file) {
  try {
    const { pid, startTime } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return Number.isInteger(pid) ? { pid, startTime } : undefined;
  } catch {
    return undefined;
  }
}

/** Ends what an earlier launcher left behind under this pid file. */
export async function endStale(pidFile, options) {
  const former = readPidFile(pidFile);
  if (former?.startTime !== undefined && isAlive(former)) await endProcesses([former], options);
  fs.rmSync(pidFile, { force: true });
}

export function startService({
  name,
  command,
  args,
  env,
  cwd,
  uid,
  gid,
  logFile,
  pidFile,
  lastResort = 'SIGKILL',
}) {
  const log = openLog(logFile);
  let child;
  try {
    child = spawn(command, args, { env, cwd, uid, gid, detached: true, stdio: ['ignore', log, log] });
  } finally {
    fs.closeSync(log);
  }
  const service = { name, pid: child.pid, logFile, startTime: undefined, exit: undefined };
  service.exited = new Promise((resolve) => {
    const ended = (exit) => {
      service.exit = exit;
      process.removeListener('exit', atExit);
      resolve(exit);
    };
    child.once('error', (error) => ended({ code: null, signal: null, error }));
    child.once('exit', (code, sig) => ended({ code, signal: sig }));
  });
  // A launcher that ends without having stopped its services takes them along.
  const atExit = () => child.pid !== undefined && signal(child.pid, lastResort);
  process.once('exit', atExit);
  if (child.pid !== undefined) {
    service.startTime = startTimeOf(child.pid);
    fs.writeFileSync(pidFile, JSON.stringify({ pid: child.pid, startTime: service.startTime }));
  }
  service.signal = (sig) => service.exit === undefined && child.pid !== undefined && signal(child.pid, sig);
  service.failure = (what) => failure(service, what);
  return service;
}

function failure({ name, exit, logFile }, what) {
  const how = exit?.error
    ? `could not be started: ${exit.error.message}`
    : exit
      ? `ended with ${exit.signal ?? `code ${exit.code}`}`
      : what;
  const error = new Error(`${name} ${how}; the last lines of ${logFile}:\n${tail(logFile) || '(empty)'}`);
  return Object.assign(error, { brief: `${how} before it was ready` });
}

/** Polls `ready` until it holds; a service that ends meanwhile, or is late, is an error with its last log lines. */
export async function untilReady(service, ready, { deadlineMs, stepMs = 50 }) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    if (service.exit) throw service.failure();
    if (await ready()) return;
    if (Date.now() > end) throw service.failure(`was not ready after ${deadlineMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
}
