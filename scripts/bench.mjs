#!/usr/bin/env node
// `npm run bench`            lists the benchmarks
// `npm run bench -- NAME [--json FILE]`  runs one; its exit code is the run's
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { ensureBuilt } from './lib/build.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { inRoot, ROOT } from './lib/paths.mjs';
import { serviceNode } from './lib/node-choice.mjs';

const folder = inRoot('bench');
const names = fs.readdirSync(folder).filter((name) => fs.existsSync(`${folder}/${name}/main.ts`));
const [name, ...rest] = process.argv.slice(2);
if (name === undefined) {
  process.stdout.write(`${names.join('\n')}\n`);
} else if (!names.includes(name)) {
  process.stderr.write(`no benchmark "${name}"; there are: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  await ensureInstalled();
  await ensureBuilt();
  const main = inRoot('dist', 'bench', name, 'main.js');
  const { status } = spawnSync(serviceNode(), [main, ...rest], { stdio: 'inherit', cwd: ROOT });
  process.exitCode = status ?? 1;
}
