// `npm run build`, when a source is newer than what was built from.
import fs from 'node:fs';
import path from 'node:path';
import { CACHE, ROOT, inRoot } from './paths.mjs';
import { withLock } from './lock.mjs';
import { say, step } from './progress.mjs';
import { npm } from './node-choice.mjs';
import { run } from './run.mjs';

const SOURCES = [
  'apps',
  'libs',
  'bench',
  'test',
  '.swcrc',
  'nest-cli.json',
  'tsconfig.json',
  'package-lock.json',
];
// In dist: the build empties that folder first, so the marker never outlives what it speaks of.
const MARKER = inRoot('dist', '.built-from');

/** The newest change below, folders included: they change when a file in them is deleted or renamed. */
export function newestMs(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return fs.readdirSync(file).reduce((newest, name) => {
    return Math.max(newest, newestMs(path.join(file, name)));
  }, stat.mtimeMs);
}

function isBuilt() {
  const built = Number(fs.existsSync(MARKER) ? fs.readFileSync(MARKER, 'utf8') : 0);
  return built > 0 && SOURCES.every((source) => newestMs(inRoot(source)) <= built);
}

export async function ensureBuilt() {
  if (process.env.FLUXFORGE_DIST) return; // somebody else's build
  if (isBuilt()) return;
  const onWait = (holder) => say(`- another build is running (process ${holder?.pid}), waiting for it`);
  await withLock(path.join(CACHE, 'build.lock'), { onWait }, async () => {
    if (isBuilt()) return;
    const from = Date.now(); // a source saved during the build is newer than this
    const { command, args } = npm(['run', '--silent', 'build']);
    await step('building', (onLine) => run(command, args, { cwd: ROOT, env: process.env, onLine }));
    fs.mkdirSync(path.dirname(MARKER), { recursive: true });
    fs.writeFileSync(MARKER, String(from));
  });
}
