import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { transformFile } from '@swc/core';

/** What the simulation is made of. Nothing else is compiled, so that a half-written neighbour is in no one's way. */
export const simulationFolders = [
  'libs/events/src',
  'libs/domain/src',
  'libs/cache/src/bucket',
  'libs/testing/src/simulation',
  'libs/testing/src/workload',
];
export const simulationEntry = 'libs/testing/src/simulation/main.js';

/** Compiles what is newer than its output, as `npm run build` would; answers how many files that were. */
export async function compile(root, outDir, folders = simulationFolders) {
  const swcrc = JSON.parse(await readFile(path.join(root, '.swcrc'), 'utf8'));
  const options = { ...swcrc, swcrc: false, sourceMaps: 'inline', jsc: { ...swcrc.jsc, baseUrl: root } };
  delete options.$schema;
  const files = (await Promise.all(folders.map((folder) => sourcesOf(path.join(root, folder))))).flat();
  const compiled = await Promise.all(files.map((file) => compileOne(root, outDir, file, options)));
  // The root's package.json says that .js files are modules; an output elsewhere must say so itself.
  await mkdir(outDir, { recursive: true });
  await writeFile(path.join(outDir, 'package.json'), '{"type":"module"}\n');
  return compiled.filter(Boolean).length;
}

async function compileOne(root, outDir, file, options) {
  const to = path.join(outDir, path.relative(root, file).replace(/\.ts$/, '.js'));
  const [source, output] = await Promise.all([stat(file), stat(to).catch(() => null)]);
  if (output && output.mtimeMs >= source.mtimeMs) return false;
  const { code } = await transformFile(file, options);
  await mkdir(path.dirname(to), { recursive: true });
  await writeFile(to, code);
  return true;
}

async function sourcesOf(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith('.ts') && !/\.(spec|fixture)\.ts$/.test(entry.name),
    )
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}
