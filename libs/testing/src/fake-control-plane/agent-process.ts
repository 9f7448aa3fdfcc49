import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../../../..');
const cache = join(root, '.cache', 'agent-under-test');
const sources = ['apps/agent', 'libs/agent-protocol', 'libs/config', 'libs/telemetry'];
const STALE_AFTER_MS = 3_600_000;

/**
 * The agent from its sources as they are now, apart from `dist`, which may be older. Specs run side by
 * side, so each version has a folder of its own that appears whole; it is made once.
 */
export function compileAgent(): string {
  const built = join(cache, fingerprint());
  if (existsSync(built)) return built;
  removeStale();
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  const swc = join(root, 'node_modules', '.bin', 'swc');
  const options = ['--out-dir', draft, '--config-file', '.swcrc', '--ignore', '**/*.spec.ts', '--quiet'];
  execFileSync(swc, [...sources, ...options], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(draft, built);
  } catch {
    // Another spec was faster; its folder is the same.
    rmSync(draft, { recursive: true, force: true });
  }
  return built;
}

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const source of [...sources.map((name) => join(root, name)), join(root, '.swcrc')]) {
    const names = statSync(source).isDirectory()
      ? readdirSync(source, { recursive: true }).map(String)
      : [''];
    for (const name of names.sort()) {
      const { mtimeMs, size } = statSync(join(source, name));
      hash.update(`${name} ${mtimeMs} ${size}\n`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function removeStale(): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > STALE_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}

export interface AgentProcessSettings {
  apiUrl: string;
  dataDir: string;
  joinToken?: string;
  slots?: number;
  env?: Record<string, string>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One real agent process and what it says. */
export class AgentProcess {
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;

  constructor({ apiUrl, dataDir, joinToken = 'join-me', slots = 4, env = {} }: AgentProcessSettings) {
    const main = join(compileAgent(), 'apps', 'agent', 'src', 'main.js');
    this.child = spawn(process.execPath, [main], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        FLUXFORGE_AGENT_API_URL: apiUrl,
        FLUXFORGE_AGENT_JOIN_TOKEN: joinToken,
        FLUXFORGE_AGENT_DATA_DIR: dataDir,
        FLUXFORGE_AGENT_NAME: 'agent-under-test',
        FLUXFORGE_AGENT_LABELS: 'role=web,zone=eu-1',
        FLUXFORGE_AGENT_SLOTS: String(slots),
        ...env,
      },
    });
    this.child.stdout?.on('data', (bytes: Buffer) => (this.stdout += bytes.toString()));
    this.child.stderr?.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
    this.exited = new Promise((done) => this.child.once('exit', (code, signal) => done({ code, signal })));
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Clean: SIGTERM, and SIGKILL only if it does not obey. */
  async stop(withinMs = 10_000): Promise<Exit> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), withinMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  residentBytes(): number {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'));
    return Number(match?.[1] ?? 0) * 1024;
  }
}

export function scratchFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'fluxforge-agent-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Living processes that carry this variable in their environment. */
export function processesWith(variable: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isAlive(pid) && environment(pid).includes(variable));
}

function isAlive(pid: number): boolean {
  const stat = readText(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return state !== '' && state !== 'Z';
}

function environment(pid: number): string[] {
  return readText(`/proc/${pid}/environ`).split('\0');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Polls until it holds. */
export async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > endsAtMs)
      throw new Error(`within ${withinMs} ms it did not become true: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
