// A real Redis as a child process, for tests. It keeps nothing: what is killed comes back empty.
//   starting -> ready -> stopped | killed      (ready <-> paused)
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { freePort, portIsFree } from '../lib/ports.mjs';
import { within } from '../lib/poll.mjs';
import { endStale, startService, untilReady } from '../lib/service.mjs';
import { startRedisContainer } from './docker.mjs';
import { redisProgram } from './redis-program.mjs';

const HOST = '127.0.0.1';
const READY_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 5_000;

/** Resolves to true when a Redis answers there. */
export function redisIsReady(port, deadlineMs = 1000) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: HOST, port });
    const end = (answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, deadlineMs, false);
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.on('data', (chunk) => end(String(chunk).startsWith('+PONG')));
  });
}

export async function startRedis({ dataDir, port, runId }) {
  const program = await redisProgram();
  fs.mkdirSync(dataDir, { recursive: true });
  if (program.kind === 'docker') return startRedisContainer({ dataDir, port, ready: redisIsReady });
  const pidFile = path.join(dataDir, 'redis.pid');
  await endStale(pidFile, { graceMs: STOP_DEADLINE_MS });
  if (port !== undefined && !(await portIsFree(port))) throw new Error(`port ${port} for Redis is in use`);
  const bound = port ?? (await freePort());
  const service = startService({
    name: 'Redis',
    command: program.command,
    args: ['--bind', HOST, '--port', String(bound), '--save', '', '--appendonly', 'no', '--dir', dataDir],
    cwd: dataDir,
    env: { ...process.env, ...program.env, ...(runId ? { FLUXFORGE_RUN_ID: runId } : {}) },
    logFile: path.join(dataDir, 'redis.log'),
    pidFile,
  });
  try {
    await untilReady(service, () => redisIsReady(bound), { deadlineMs: READY_DEADLINE_MS, stepMs: 20 });
  } catch (error) {
    service.signal('SIGKILL');
    await service.exited;
    throw error;
  }
  return handle(service, bound);
}

function handle(service, port) {
  const kill9 = async () => {
    service.signal('SIGKILL');
    await service.exited;
  };
  return {
    url: `redis://${HOST}:${port}`,
    port,
    async stop() {
      service.signal('SIGTERM');
      service.signal('SIGCONT');
      if (!(await within(service.exited, STOP_DEADLINE_MS, undefined))) await kill9();
    },
    kill9,
    pause: () => service.signal('SIGSTOP'),
    resume: () => service.signal('SIGCONT'),
  };
}
