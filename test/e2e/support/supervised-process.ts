import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { delay, eventually } from './eventually.js';

export const root = resolve(__dirname, '../../..');

export interface ProcessSpec {
  readonly name: string;
  /** Entry point, below the folder of what was built. */
  readonly main: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly [field: string]: unknown;
}

interface Incarnation {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Where its lines begin in the log file. */
  readonly from: number;
  over: boolean;
}

const restartPauseMs = 200;
const readyDeadlineMs = 90_000;

/**
 * One of our own processes as a supervisor keeps it: down -> up -> (dies) -> restarting -> up, until `stop`.
 * `hold` keeps it down after it died. Everything it says goes to one file.
 */
export class SupervisedProcess {
  readonly logFile: string;
  private current: Incarnation | null = null;
  private wanted = false;
  private held = false;
  /** Starts so far, the first included. */
  starts = 0;
  /** Ends that nobody asked for: a process that dies by itself is a bug, unless its surroundings were away. */
  readonly unasked: Exit[] = [];
  private asked = 0;

  constructor(private readonly spec: ProcessSpec) {
    this.logFile = join(spec.folder, `${spec.name}.log`);
  }

  get name(): string {
    return this.spec.name;
  }

  get pid(): number {
    return this.current?.child.pid ?? -1;
  }

  get isUp(): boolean {
    return this.current !== null && !this.current.over;
  }

  async start(): Promise<LogLine> {
    this.wanted = true;
    this.held = false;
    this.launch();
    return this.ready();
  }

  /** The `ready` line of the process that runs now; waits for it. */
  ready(deadlineMs = readyDeadlineMs): Promise<LogLine> {
    const find = (): LogLine | undefined => this.lines().find((line) => line.msg === 'ready');
    return eventually(() => `${this.name} is ready\n${this.tail()}`, find, deadlineMs);
  }

  /** What the process that runs now has logged so far. */
  lines(): LogLine[] {
    if (!this.current) return [];
    const text = readFileSync(this.logFile).subarray(this.current.from).toString();
    return text.split('\n').flatMap(parsed);
  }

  /** What all of its incarnations have logged so far. */
  everything(): LogLine[] {
    return readFileSync(this.logFile, 'utf8').split('\n').flatMap(parsed);
  }

  tail(count = 25): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-count).join('\n');
  }

  /** SIGKILL; the supervisor starts it again unless it is held. */
  async kill9(): Promise<void> {
    const dying = this.current;
    if (!dying || dying.over) return;
    this.asked += 1;
    dying.child.kill('SIGKILL');
    await dying.exited;
  }

  /** Killed and kept down, until `start`. */
  async hold(): Promise<void> {
    this.held = true;
    await this.kill9();
  }

  pause(): void {
    this.current?.child.kill('SIGSTOP');
  }

  resume(): void {
    this.current?.child.kill('SIGCONT');
  }

  /** Clean stop; the exit tells whether it was one. */
  async stop(withinMs = 20_000): Promise<Exit | null> {
    this.wanted = false;
    const last = this.current;
    if (!last) return null;
    if (last.over) return last.exited;
    this.asked += 1;
    last.child.kill('SIGTERM');
    last.child.kill('SIGCONT');
    const timer = setTimeout(() => last.child.kill('SIGKILL'), withinMs);
    const exit = await last.exited;
    clearTimeout(timer);
    return exit;
  }

  private launch(): void {
    const { main, args = [], env, name } = this.spec;
    const log = openSync(this.logFile, 'a');
    writeSync(log, `--- ${name} is started (${this.starts + 1})\n`);
    const from = readFileSync(this.logFile).length;
    const file = join(process.env['FLUXFORGE_DIST'] ?? join(root, 'dist'), main);
    const child = spawn(process.execPath, [file, ...args], { env: { ...env }, stdio: ['ignore', log, log] });
    closeSync(log);
    const exited = new Promise<Exit>((done) => {
      child.once('exit', (code, signal) => done({ code, signal }));
      child.once('error', () => done({ code: null, signal: null }));
    });
    const incarnation: Incarnation = { child, exited, from, over: false };
    this.current = incarnation;
    this.starts += 1;
    void exited.then((exit) => this.ended(incarnation, exit));
  }

  private async ended(incarnation: Incarnation, exit: Exit): Promise<void> {
    incarnation.over = true;
    if (this.asked > 0) this.asked -= 1;
    else this.unasked.push(exit);
    await delay(restartPauseMs);
    if (this.wanted && !this.held && this.current === incarnation) this.launch();
  }
}

function parsed(line: string): LogLine[] {
  if (!line.startsWith('{')) return [];
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return []; // still being written
  }
}
