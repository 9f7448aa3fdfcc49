import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findByRunId } from '../../scripts/lib/procs.mjs';

/** `npm start` as a person runs it: from nothing, again, and after a kill -9 of the launcher. */

const root = path.resolve(__dirname, '../..');
const script = path.join(root, 'scripts', 'start.mjs');
const runIdPattern = /FLUXFORGE_RUN_ID=(\S+?)\)/;
const upDeadlineMs = 150_000;

let folder: string;
let live: Launch[] = [];

interface Launch {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  text(): string;
}

/** What `npm test` has built: a source that is saved meanwhile must not pull it away from under the services. */
const dist = process.env.FLUXFORGE_DIST ?? path.join(root, 'dist');

function environment(): NodeJS.ProcessEnv {
  const data = path.join(folder, 'data');
  return { ...process.env, FLUXFORGE_DIST: dist, FLUXFORGE_DATA_DIR: data, FLUXFORGE_NODE: process.execPath };
}

function launch(...args: string[]): Launch {
  const child = spawn(process.execPath, [script, ...args], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const launched = { child, ended, text: () => text };
  live.push(launched);
  return launched;
}

async function until(what: () => boolean, launched: Launch, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!what()) {
    if (Date.now() > end || launched.child.exitCode !== null)
      throw new Error(`not reached:\n${launched.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const isUp = (launched: Launch) => launched.text().includes('Ctrl-C\n');

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-start-'));
  fs.chmodSync(folder, 0o711);
});
afterEach(async () => {
  for (const { child, ended } of live) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await ended;
    }
  }
  live = [];
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('npm start', () => {
  it(
    'closes the loop from nothing, heals one drift, ends with 0 and leaves no process',
    async () => {
      const demo = launch('--demo');
      expect(await demo.ended.then((code) => (code === 0 ? 'ended well' : demo.text()))).toBe('ended well');
      for (const word of ['declared', 'drifted', 'remediated', 'verified', 'the file is back after']) {
        expect(demo.text()).toContain(word);
      }
      expect(demo.text()).toContain('no process of this run is left');
      expect(findByRunId(runIdPattern.exec(demo.text())![1]!)).toEqual([]);
      const secrets = path.join(folder, 'data', 'secrets.json');
      expect(fs.statSync(secrets).mode & 0o777).toBe(0o600);
    },
    upDeadlineMs + 120_000,
  );

  it(
    'finds its data again, refuses a second launcher on it, and starts over after a kill -9 of the launcher',
    async () => {
      const first = launch();
      await until(() => isUp(first), first, upDeadlineMs);
      expect(first.text()).toContain('declared at an earlier start, kept');

      const second = spawnSync(process.execPath, [script, '--demo'], {
        env: environment(),
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect(second.status).toBe(1);
      expect(second.stdout).toContain(`in use by another start (process ${first.child.pid})`);
      expect(first.child.exitCode).toBeNull();

      first.child.kill('SIGKILL');
      await first.ended;
      const again = launch('--demo');
      expect(await again.ended.then((code) => (code === 0 ? 'ended well' : again.text()))).toBe('ended well');
      expect(again.text()).toContain('declared at an earlier start, kept');
    },
    2 * upDeadlineMs + 120_000,
  );

  it(
    'restarts a service that was killed, and stops cleanly on Ctrl-C',
    async () => {
      const start = launch();
      await until(() => isUp(start), start, upDeadlineMs);
      const pidFile = path.join(folder, 'data', 'logs', 'reconciler.pid');
      const { pid } = JSON.parse(fs.readFileSync(pidFile, 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      await until(() => start.text().includes('reconciler is back'), start, 60_000);
      fs.rmSync(path.join(folder, 'data', 'demo', 'edge-2', 'app.conf'));
      await until(() => /demo-app-config: verified/.test(start.text()), start, 60_000);
      start.child.kill('SIGINT');
      expect(await start.ended).toBe(0);
      expect(start.text()).toContain('no process of this run is left');
    },
    upDeadlineMs + 180_000,
  );
});
