// A real Postgres as a child process.
//   absent -> initialised -> starting -> ready -> stopped | killed      (ready <-> paused)
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { inRoot } from '../lib/paths.mjs';
import { freePort, portIsFree } from '../lib/ports.mjs';
import { poll, sleep, within } from '../lib/poll.mjs';
import { commandLine, endProcesses, startTimeOf } from '../lib/procs.mjs';
import { tail } from '../lib/logs.mjs';
import { endStale, startService, untilReady } from '../lib/service.mjs';
import { run } from '../lib/run.mjs';
import { postgresPrograms, postgresUser, reachablePlace } from './postgres-binaries.mjs';

const HOST = '127.0.0.1';
const SUPERUSER = 'fluxforge';
const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const RETRIES = 20;
const RETRY_MS = 250;

function password(dataDir) {
  const file = path.join(dataDir, 'password');
  if (!fs.existsSync(file))
    fs.writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600, flag: 'wx' });
  return fs.readFileSync(file, 'utf8').trim();
}

function cleanEnv(runId) {
  // PG* variables of the user's shell would redirect initdb and our own queries.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
  return { ...env, LC_ALL: 'C', ...(runId ? { FLUXFORGE_RUN_ID: runId } : {}) };
}

/** Initialises beside and renames: an initdb that was cut short leaves nothing that looks initialised. */
async function initialiseOnce({ programs, cluster, secret, user, durable }) {
  if (fs.existsSync(path.join(cluster, 'PG_VERSION'))) return;
  const draft = `${cluster}.tmp`;
  const secretFile = `${cluster}.secret`;
  fs.rmSync(draft, { recursive: true, force: true });
  fs.mkdirSync(draft, { recursive: true, mode: 0o700 });
  fs.writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
  if (user) for (const file of [draft, secretFile]) fs.chownSync(file, user.uid, user.gid);
  const args = ['-D', draft, '-U', SUPERUSER, '-A', 'scram-sha-256', `--pwfile=${secretFile}`];
  args.push('-E', 'UTF8', '--locale=C', ...(durable ? [] : ['--no-sync']));
  try {
    const who = { uid: user?.uid, gid: user?.gid, cwd: '/', env: cleanEnv() };
    await run(path.join(programs, 'bin', 'initdb'), args, { ...who, deadlineMs: READY_DEADLINE_MS });
  } finally {
    fs.rmSync(secretFile, { force: true });
  }
  fs.rmSync(cluster, { recursive: true, force: true });
  fs.renameSync(draft, cluster);
}

/** A kill -9 of the launcher leaves the postmaster running; a reused pid in its lock file would refuse the start. */
async function clearPostmaster(cluster) {
  const lock = path.join(cluster, 'postmaster.pid');
  if (!fs.existsSync(lock)) return;
  const pid = Number(fs.readFileSync(lock, 'utf8').split('\n')[0]);
  const startTime = startTimeOf(pid);
  if (startTime === undefined) return; // postgres itself replaces the lock of a dead postmaster
  if (commandLine(pid).includes(cluster)) {
    await endProcesses([{ pid, startTime }], { first: 'SIGINT', graceMs: STOP_DEADLINE_MS });
  } else {
    fs.rmSync(lock, { force: true });
  }
}

function settings(cluster, port, durable) {
  const options = {
    listen_addresses: HOST,
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '64MB',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
  return ['-D', cluster, ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

// Loaded at the first query: before the packages are installed this file must be importable.
const loadPg = () => createRequire(inRoot('package.json'))('pg');

function client(url) {
  const { Client } = loadPg();
  return new Client({ connectionString: url, connectionTimeoutMillis: 2000, query_timeout: 10_000 });
}

async function query(url, text, values) {
  const connection = client(url);
  connection.on('error', () => undefined);
  try {
    await connection.connect();
    return await connection.query(text, values);
  } finally {
    await within(
      connection.end().catch(() => undefined),
      1000,
    );
  }
}

async function answers(url) {
  loadPg(); // outside: a missing package is not a server that is not up yet
  try {
    await query(url, 'select 1');
    return true;
  } catch (error) {
    if (error.code === '28P01') {
      throw new Error('the password beside the data folder is not the one of its Postgres', { cause: error });
    }
    return false; // not listening yet, or still recovering
  }
}

async function createDatabase(adminUrl, database) {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(database)) throw new Error(`not a plain database name: ${database}`);
  const { rowCount } = await query(adminUrl, 'select 1 from pg_database where datname = $1', [database]);
  if (rowCount === 0) await query(adminUrl, `create database ${database}`);
}

export async function startPostgres({ dataDir, port, database = 'fluxforge', durable = false, ...more }) {
  const { runId, onSpawn } = more;
  if (port !== undefined && !(await portIsFree(port))) {
    await clearStale(dataDir); // the holder may be what an earlier launcher left
    if (!(await portIsFree(port))) throw new Error(`port ${port} for Postgres is in use`);
  }
  fs.mkdirSync(dataDir, { recursive: true });
  const user = postgresUser();
  const programs = postgresPrograms(user);
  const cluster = await clearStale(dataDir);
  setAsideOrphan(dataDir, cluster);
  const secret = password(dataDir);
  await initialiseOnce({ programs, cluster, secret, user, durable });
  const given = { dataDir, cluster, programs, user, durable, runId, secret, pinned: port };
  const urlAt = (at) => (name) => `postgres://${SUPERUSER}:${secret}@${HOST}:${at}/${name}`;
  const spawned = (service, at) => onSpawn?.(handle(service, at, urlAt(at), database));
  const { service, port: bound } = await bringUp(given, spawned);
  await createDatabase(urlAt(bound)('postgres'), database);
  return handle(service, bound, urlAt(bound), database);
}

/**
 * A cluster outside its data folder (see reachablePlace) outlives the removal of that folder. Without the
 * password that lay there nobody can use it; it is kept aside, one of it, in case the removal was a mistake.
 */
function setAsideOrphan(dataDir, cluster) {
  if (path.dirname(cluster) === path.resolve(dataDir)) return;
  if (fs.existsSync(path.join(dataDir, 'password')) || !fs.existsSync(cluster)) return;
  fs.rmSync(`${cluster}.orphan`, { recursive: true, force: true });
  fs.renameSync(cluster, `${cluster}.orphan`);
}

async function clearStale(dataDir) {
  const cluster = reachablePlace(path.resolve(dataDir, 'cluster'), postgresUser());
  await endStale(path.join(dataDir, 'postgres.pid'), { first: 'SIGINT', graceMs: STOP_DEADLINE_MS });
  await clearPostmaster(cluster);
  return cluster;
}

async function bringUp(given, spawned) {
  const { dataDir, cluster, programs, user, durable, runId, secret, pinned } = given;
  for (let attempt = 1; ; attempt++) {
    const port = pinned ?? (await freePort());
    const service = startService({
      name: 'Postgres',
      command: path.join(programs, 'bin', 'postgres'),
      args: settings(cluster, port, durable),
      env: cleanEnv(runId),
      cwd: '/',
      uid: user?.uid,
      gid: user?.gid,
      logFile: path.join(dataDir, 'postgres.log'),
      pidFile: path.join(dataDir, 'postgres.pid'),
      lastResort: 'SIGQUIT', // its children end with it
    });
    spawned(service, port);
    try {
      const url = `postgres://${SUPERUSER}:${secret}@${HOST}:${port}/postgres`;
      await untilReady(service, () => answers(url), { deadlineMs: READY_DEADLINE_MS, stepMs: 25 });
      return { service, port };
    } catch (error) {
      service.signal('SIGKILL');
      await service.exited;
      // Backends of a killed postmaster hold its shared memory for a moment; or another process took the port.
      const passing = /shared memory block|still in use|could not bind/.test(tail(service.logFile, 6));
      if (!passing || attempt >= RETRIES) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function handle(service, port, url, database) {
  const kill9 = async () => {
    service.signal('SIGKILL');
    await service.exited;
    await poll(() => portIsFree(port), { deadlineMs: 5000, what: `port ${port} stays in use` }).catch(
      () => undefined,
    );
  };
  return {
    url: url(database),
    urlOf: url,
    port,
    pid: service.pid,
    exited: service.exited,
    logFile: service.logFile,
    async stop() {
      service.signal('SIGINT'); // "fast": open connections are ended; SIGTERM would wait for them
      service.signal('SIGCONT');
      if (!(await within(service.exited, STOP_DEADLINE_MS, undefined))) await kill9();
    },
    kill9,
    pause: () => service.signal('SIGSTOP'),
    resume: () => service.signal('SIGCONT'),
  };
}
