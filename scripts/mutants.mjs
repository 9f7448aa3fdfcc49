import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, simulationEntry, simulationFolders } from './simulation/compile.mjs';

// npm run mutants [-- NAME...]: each patch of test/mutants plants one bug in production code; the simulation
// must find it. A simulation that lets a bug pass lacks a fault or a promise.
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const patches = path.join(root, 'test', 'mutants');
const seeds = 200;
const atOnce = 2;
/** Of one mutant: a bug that makes the world spin for ever is found as well, but not waited for. */
const deadlineMs = 150_000;

const asked = process.argv.slice(2);
const names = (await readdir(patches))
  .filter((file) => file.endsWith('.patch'))
  .map((file) => file.slice(0, -'.patch'.length))
  .filter((name) => asked.length === 0 || asked.includes(name))
  .sort();
const scratch = await mkdtemp(path.join(os.tmpdir(), 'fluxforge-mutants-'));
const children = new Set();
let passed = 0;
let failed = 0;

/** Runs a program to its end; answers its exit code and what it printed. */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { cwd: root, ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    children.add(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('error', (error) => (output += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ code, output });
    });
  });
}

/** The sources and, to start with, what they compile to: only what the patch changes is compiled again. */
async function plant(name) {
  const at = path.join(scratch, name);
  await mkdir(at, { recursive: true });
  for (const folder of simulationFolders) {
    await cp(path.join(root, folder), path.join(at, folder), { recursive: true, preserveTimestamps: true });
    await cp(path.join(original, folder), path.join(at, 'dist', folder), {
      recursive: true,
      preserveTimestamps: true,
    });
  }
  await cp(path.join(root, '.swcrc'), path.join(at, '.swcrc'));
  await symlink(path.join(root, 'node_modules'), path.join(at, 'node_modules'));
  const applied = await run('git', ['apply', '--verbose', '-C1', path.join(patches, `${name}.patch`)], {
    cwd: at,
  });
  if (applied.code !== 0) return { at, flaw: `does not apply: ${applied.output.trim().split('\n').at(-1)}` };
  const changed = await compile(at, path.join(at, 'dist'));
  return { at, flaw: changed === 0 ? 'changes nothing' : null };
}

async function hunt(name) {
  const { at, flaw } = await plant(name);
  if (flaw !== null) return { found: false, line: `mutant ${name} ${flaw}` };
  const entry = path.join(at, 'dist', simulationEntry);
  const { output } = await run(process.execPath, [entry, '--seeds', String(seeds), '--first'], { cwd: at });
  await rm(at, { recursive: true, force: true });
  const violation = /^seed (\d+): (.*)$/m.exec(output);
  if (violation) {
    const [, seed, what] = violation;
    return { found: true, line: `mutant ${name} found at seed ${seed} (${what.slice(0, 110)})` };
  }
  const lines = output.trim().split('\n');
  if (lines.at(-1)?.startsWith('seeds ')) {
    return { found: false, line: `mutant ${name} NOT FOUND (${lines.at(-1)})` };
  }
  return { found: false, line: `mutant ${name} did not run:\n${output.slice(0, 2000)}` };
}

async function worker(queue) {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const { found, line } = await hunt(name);
    if (found) passed += 1;
    else failed += 1;
    console.log(line);
  }
}

function stop() {
  for (const child of children) child.kill('SIGKILL');
  rm(scratch, { recursive: true, force: true }).finally(() => process.exit(1));
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

// Compiled once, so that each mutant starts from there; and the original must stand, or nothing is proved.
const original = path.join(scratch, 'original');
await compile(root, original);
await symlink(path.join(root, 'node_modules'), path.join(original, 'node_modules'));
const sound = await run(process.execPath, [path.join(original, simulationEntry), '--seeds', '20', '--first']);
if (sound.code !== 0) {
  console.log(sound.output);
  console.log('the original itself breaks a promise');
  failed += 1;
} else {
  const queue = [...names];
  await Promise.all(Array.from({ length: atOnce }, () => worker(queue)));
}
await rm(scratch, { recursive: true, force: true });
for (const name of asked) if (!names.includes(name)) console.log(`no mutant ${name}`);
failed += asked.filter((name) => !names.includes(name)).length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
