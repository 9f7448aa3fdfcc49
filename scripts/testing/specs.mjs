// The spec files of the repo, by the kind that their suffix names.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT, inRoot } from '../lib/paths.mjs';

const ROOTS = ['apps', 'libs', 'test', 'bench'];
const SKIPPED = new Set(['node_modules', 'dist', 'generated']);

export const TIERS = ['fast', 'sim', 'int', 'e2e'];

export function tierOf(file) {
  const [, kind] = /\.(?:(\w+)\.)?spec\.ts$/.exec(file) ?? [];
  if (!/\.spec\.ts$/.test(file)) return undefined;
  return kind === 'sim' || kind === 'int' || kind === 'e2e' ? kind : 'fast';
}

function* walk(folder) {
  if (!fs.existsSync(folder)) return;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) yield* walk(file);
    } else yield file;
  }
}

/** Spec files per tier, in a stable order; `filters` are regular expressions over the path, any of them. */
export function specFiles({ filters = [], tiers = TIERS } = {}) {
  const wanted = filters.map((f) => new RegExp(f.replace(/^\.\//, '')));
  const found = Object.fromEntries(TIERS.map((tier) => [tier, []]));
  for (const root of ROOTS) {
    for (const file of walk(inRoot(root))) {
      const tier = tierOf(file);
      const name = path.relative(ROOT, file);
      if (!tier || !tiers.includes(tier)) continue;
      if (wanted.length === 0 || wanted.some((w) => w.test(name) || w.test(file))) found[tier].push(file);
    }
  }
  for (const tier of TIERS) found[tier].sort();
  return found;
}
