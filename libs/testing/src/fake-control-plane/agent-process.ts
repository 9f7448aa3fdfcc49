import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../../../..');
const built = join(root, '.cache', 'agent-under-test');

/** The agent from its sources as they are now, apart from `dist`, which may be older. */
export function compileAgent(): void {
  const swc = join(root, 'node_modules', '.bin', 'swc');
  const sources = ['apps/agent', 'libs/agent-protocol', 'libs/config', 'libs/telemetry'];
  const options = ['--out-dir', built, '--config-file', '.swcrc', '--ignore', '**/*.spec.ts'];
  execFileSync(swc, [...sources, ...options], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
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
    const main = join(built, 'apps', 'agent', 'src', 'main.js');
    if (!existsSync(main)) throw new Error('compileAgent() has not run');
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
