import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, simulationEntry } from './simulation/compile.mjs';

// npm run sim -- --seeds N --from S: the simulation of the whole control plane, from compiled code.
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const outDir = path.join(root, 'dist');

const count = await compile(root, outDir);
if (count > 0) console.log(`compiled ${count} files`);
const child = spawn(
  process.execPath,
  ['--enable-source-maps', path.join(outDir, simulationEntry), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (code) => process.exit(code ?? 1));
