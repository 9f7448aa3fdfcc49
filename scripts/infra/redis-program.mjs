// Where the Redis program comes from: the PATH, else Debian's package unpacked into .cache/redis without root
// rights, else a container. Tests alone need it; they empty and kill it, so each has a server of its own.
import fs from 'node:fs';
import path from 'node:path';
import { CACHE } from '../lib/paths.mjs';
import { run } from '../lib/run.mjs';
import { MissingPart } from './kafka-jars.mjs';
import { dockerIsRunning } from './docker.mjs';

const MEND = 'sudo apt-get install -y redis-server   (or start a Docker engine)';
// The program, and the libraries that a bare Debian lacks for it.
const PACKAGES = ['redis-tools', 'libjemalloc2', 'liblzf1'];
const PROGRAM = path.join('usr', 'bin', 'redis-server');
const PACKED_AS = 'redis-check-rdb'; // one program, which is what it is called
const DEADLINE_MS = 120_000;

const machine = { installed: () => onPath('redis-server'), unpacked: unpackedProgram, dockerIsRunning };

/** A program to run, with what its environment needs, or Docker. `probe` is an argument so that it can be tested. */
export async function redisProgram(probe = machine) {
  const command = probe.installed();
  if (command) return { kind: 'program', command, env: {} };
  const unpacked = await probe.unpacked();
  if (unpacked) return unpacked;
  if (await probe.dockerIsRunning()) return { kind: 'docker' };
  throw new MissingPart(`no Redis to test with: ${MEND}`);
}

export function onPath(name, folders = (process.env.PATH ?? '').split(path.delimiter)) {
  return folders.map((folder) => path.join(folder, name)).find(isProgram);
}

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

async function unpackedProgram() {
  const folder = path.join(CACHE, 'redis', process.arch);
  const found = () => programIn(folder);
  if (await found()) return found();
  if (!onPath('apt-get') || !onPath('dpkg')) return undefined;
  const draft = `${folder}.${process.pid}.tmp`;
  fs.rmSync(draft, { recursive: true, force: true });
  fs.mkdirSync(path.join(draft, 'packages'), { recursive: true });
  try {
    await fetchInto(draft);
    if (!(await programIn(draft))) return undefined; // made for another Debian
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(draft, folder);
    return await found();
  } catch {
    return found(); // no net, or no package lists; or another launcher was faster
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

async function fetchInto(draft) {
  const packages = path.join(draft, 'packages');
  await run('apt-get', ['download', '-qq', ...PACKAGES], { cwd: packages, deadlineMs: DEADLINE_MS });
  for (const name of fs.readdirSync(packages).filter((file) => file.endsWith('.deb'))) {
    await run('dpkg', ['-x', path.join(packages, name), draft], { deadlineMs: DEADLINE_MS });
  }
  fs.rmSync(packages, { recursive: true, force: true });
  fs.symlinkSync(PACKED_AS, path.join(draft, PROGRAM));
}

/** Only one that runs counts. */
async function programIn(folder) {
  const command = path.join(folder, PROGRAM);
  if (!isProgram(command)) return undefined;
  const env = { LD_LIBRARY_PATH: librariesIn(folder).join(':') };
  const answer = await run(command, ['--version'], {
    env: { ...process.env, ...env },
    deadlineMs: 10_000,
  }).catch(() => undefined);
  return answer && { kind: 'program', command, env };
}

function librariesIn(folder) {
  const base = path.join(folder, 'usr', 'lib');
  if (!fs.existsSync(base)) return [];
  return fs.readdirSync(base).map((name) => path.join(base, name));
}
