// One of our own processes: started, ready when its log says so, stopped by SIGTERM.
import fs from 'node:fs';
import path from 'node:path';
import { endStale, startService, untilReady } from '../lib/service.mjs';
import { within } from '../lib/poll.mjs';
import { STOP_DEADLINE_MS } from './supervisor.mjs';

const READY_DEADLINE_MS = 60_000;
const READ_BOUND_BYTES = 4 * 1024 * 1024;

/** The first log line after `offset` whose message is `ready`, parsed; `undefined` while there is none. */
export function findReady(text) {
  for (const line of text.split('\n')) {
    if (!line.includes('"msg":"ready"')) continue;
    try {
      const entry = JSON.parse(line);
      if (entry.msg === 'ready') return entry;
    } catch {
      // a line that is still being written
    }
  }
  return undefined;
}

function readFrom(file, offset) {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const from = size < offset ? 0 : offset; // cut by the rotation meanwhile
  const buffer = Buffer.alloc(Math.min(size - from, READ_BOUND_BYTES));
  const fd = fs.openSync(file, 'r');
  try {
    fs.readSync(fd, buffer, 0, buffer.length, from);
  } finally {
    fs.closeSync(fd);
  }
  return buffer.toString('utf8');
}

export async function startNodeService({
  name,
  node,
  main,
  args = [],
  env,
  cwd,
  logDir,
  readyDeadlineMs,
  onSpawn,
}) {
  fs.mkdirSync(logDir, { recursive: true, mode: 0o700 });
  const logFile = path.join(logDir, `${name}.log`);
  const pidFile = path.join(logDir, `${name}.pid`);
  await endStale(pidFile, { graceMs: STOP_DEADLINE_MS });
  const offset = fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const service = startService({ name, command: node, args: [main, ...args], env, cwd, logFile, pidFile });
  const running = handle(service);
  onSpawn?.(running);
  try {
    const look = () => findReady(readFrom(logFile, offset)) !== undefined;
    await untilReady(service, look, { deadlineMs: readyDeadlineMs ?? READY_DEADLINE_MS });
  } catch (error) {
    service.signal('SIGKILL');
    throw error;
  }
  return running;
}

function handle(service) {
  const kill9 = async () => {
    service.signal('SIGKILL');
    await service.exited;
  };
  return {
    pid: service.pid,
    exited: service.exited,
    logFile: service.logFile,
    kill9,
    async stop() {
      service.signal('SIGTERM');
      service.signal('SIGCONT');
      if (!(await within(service.exited, STOP_DEADLINE_MS, undefined))) await kill9();
    },
  };
}
