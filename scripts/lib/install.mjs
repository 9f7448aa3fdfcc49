// The lockfile install, when something that the lockfile names is not there.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CACHE, ROOT, inRoot } from './paths.mjs';
import { withLock } from './lock.mjs';
import { step, say } from './progress.mjs';
import { npm } from './node-choice.mjs';
import { run } from './run.mjs';

const MIN_NODE = [20, 19];
const DEADLINE_MS = 20 * 60_000;

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

export function nodeIsOldEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
}

/**
 * What of the lockfile is not installed. npm writes node_modules/.package-lock.json as its last act, so an
 * install that was cut short has none, or an older one. Optional packages may be absent: not every platform
 * has them.
 */
export function missingPackages(lock, installed) {
  return Object.entries(lock.packages).flatMap(([place, wanted]) => {
    if (place === '' || wanted.link || wanted.extraneous) return [];
    const found = installed?.packages?.[place];
    if (found === undefined) return wanted.optional || wanted.devOptional ? [] : [place];
    return found.version === wanted.version && found.integrity === wanted.integrity ? [] : [place];
  });
}

const MARKER = inRoot('node_modules', '.fluxforge-installed');
const lockHash = () =>
  createHash('sha256')
    .update(fs.readFileSync(inRoot('package-lock.json')))
    .digest('hex');

/** True after an install of this very lockfile, ours (npm ci empties node_modules first) or by hand. */
function isInstalled() {
  if (fs.existsSync(MARKER) && fs.readFileSync(MARKER, 'utf8') === lockHash()) return true;
  const lock = readJson(inRoot('package-lock.json'));
  const installed = readJson(inRoot('node_modules', '.package-lock.json'));
  return lock !== undefined && installed !== undefined && missingPackages(lock, installed).length === 0;
}

const unlessWarning = (onLine) => (line) => line.startsWith('npm warn') || onLine(line);

export async function ensureInstalled() {
  if (!nodeIsOldEnough(process.version)) {
    throw new Error(
      `Node ${process.version} is too old, FluxForge wants ${MIN_NODE.join('.')}+: https://nodejs.org`,
    );
  }
  if (isInstalled()) return;
  const onWait = (holder) => say(`- another install is running (process ${holder?.pid}), waiting for it`);
  await withLock(path.join(CACHE, 'install.lock'), { onWait }, async () => {
    if (isInstalled()) return;
    const { command, args } = npm(['ci', '--no-audit', '--no-fund']);
    await step('installing packages (npm ci)', (onLine) =>
      run(command, args, {
        cwd: ROOT,
        env: process.env,
        deadlineMs: DEADLINE_MS,
        onLine: unlessWarning(onLine),
      }),
    );
    fs.writeFileSync(MARKER, lockHash());
  });
}
