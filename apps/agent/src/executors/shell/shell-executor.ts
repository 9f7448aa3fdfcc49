import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { type Readable } from 'node:stream';
import { type Command, OutputStream } from '@fluxforge/agent-protocol';
import { errorText, processEntry } from '../../machine/index.js';
import { type Ending, type Execution, type Executor, type Job } from '../executor.js';
import { type Account, findAccount } from './account.js';
import { type StopHandle, stopTree } from './process-tree.js';

export interface ShellSettings {
  /** Given to every command below its own variables. */
  baseEnv: Record<string, string>;
  /** How long pipes that a background child keeps open are still read after the command itself ended. */
  pipeLingerMs: number;
}

/** The variable that every process of a job carries. */
export const MARK_NAME = 'FLUXFORGE_MARK';

const MAX_ENV_BYTES = 128 * 1024;

/** `/bin/sh -c` for a script, plain exec for an argument vector; each in its own process group. */
export class ShellExecutor implements Executor {
  readonly name = 'shell';

  constructor(private readonly settings: ShellSettings) {}

  problemWith({ command, surroundings }: Pick<Job, 'command' | 'surroundings'>): string | undefined {
    const argv = argvOf(command);
    if (argv === undefined) return 'no command';
    const texts = [...argv, ...Object.entries(surroundings?.env ?? {}).flat(), surroundings?.cwd ?? ''];
    if (texts.some((text) => text.includes('\0'))) return 'NUL in command, environment or cwd';
    const names = Object.keys(surroundings?.env ?? {});
    if (names.some((name) => name === '' || name.includes('='))) return 'malformed name of a variable';
    const envBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return envBytes > MAX_ENV_BYTES ? `command and environment exceed ${MAX_ENV_BYTES} bytes` : undefined;
  }

  run(job: Job): Execution {
    const argv = argvOf(job.command);
    const answer = findAccount(job.surroundings?.runAs ?? '');
    if (argv === undefined) return failed('no command');
    if ('problem' in answer) return failed(answer.problem);
    const cwd = job.surroundings?.cwd ?? '';
    const cwdProblem = cwd === '' ? undefined : problemWithFolder(cwd);
    if (cwdProblem !== undefined) return failed(cwdProblem);
    try {
      return new ShellExecution(this.spawn(argv, cwd, answer.account, job), job, this.settings.pipeLingerMs);
    } catch (error) {
      // Thrown, not emitted: E2BIG, ENOMEM, malformed arguments.
      return failed(errorText(error));
    }
  }

  private spawn(argv: [string, ...string[]], cwd: string, account: Account, job: Job): ChildProcess {
    const [file, ...args] = argv;
    return spawn(file, args, {
      // As under systemd; the agent's own folder may be closed to the user it runs as.
      cwd: cwd === '' ? '/' : cwd,
      // A group of its own, so that one signal reaches it and nothing of ours.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...this.settings.baseEnv,
        HOME: account.home,
        USER: account.name,
        LOGNAME: account.name,
        ...job.surroundings?.env,
        ...job.marks,
      },
      ...account.switchTo,
    });
  }
}

/**
 * One spawned process. Over when the leader has ended and its pipes are closed (or have lingered long
 * enough: a daemon that the command started keeps them), and, if it was stopped, when the tree is gone.
 */
class ShellExecution implements Execution {
  readonly process: Execution['process'];
  readonly ended: Promise<Ending>;
  private stopping: StopHandle | undefined;

  constructor(
    private readonly child: ChildProcess,
    private readonly job: Job,
    pipeLingerMs: number,
  ) {
    const { pid } = child;
    this.process = pid === undefined ? undefined : { pid, startTicks: processEntry(pid)?.startTicks ?? 0 };
    this.read(child.stdout, OutputStream.STDOUT);
    this.read(child.stderr, OutputStream.STDERR);
    this.ended = this.follow(pipeLingerMs);
  }

  stop(graceMs: number): boolean {
    if (this.stopping !== undefined) {
      this.stopping.shorten(graceMs);
      return true;
    }
    if (this.process === undefined || this.hasLeaderEnded()) return false;
    const mark = `${MARK_NAME}=${this.job.marks[MARK_NAME] ?? ''}`;
    this.stopping = stopTree({ group: this.process.pid, mark }, graceMs);
    return true;
  }

  private hasLeaderEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private read(pipe: Readable | null, stream: OutputStream): void {
    pipe?.on('data', (bytes: Buffer) => {
      const hasRoom = this.job.onOutput(stream, bytes, () => pipe.resume());
      // What the kernel still holds of an ended command is little, and must not be cut off by a pause.
      if (!hasRoom && !this.hasLeaderEnded()) pipe.pause();
    });
    // A pipe can break without the process ending; how the process ends is what counts.
    pipe?.on('error', () => undefined);
  }

  private async follow(pipeLingerMs: number): Promise<Ending> {
    const ending = await this.leaderEnded();
    this.child.stdout?.resume();
    this.child.stderr?.resume();
    await this.pipesClosed(pipeLingerMs);
    const gone = this.stopping === undefined || (await this.stopping.done);
    return gone ? ending : { ...ending, trouble: 'processes of it survive SIGKILL' };
  }

  private leaderEnded(): Promise<Ending> {
    return new Promise((resolve) => {
      this.child.once('error', (error: Error) => {
        if (this.process === undefined) resolve({ kind: 'spawn_failed', trouble: error.message });
      });
      this.child.once('exit', (code, signal) => {
        if (signal !== null) resolve({ kind: 'signalled', signal });
        else resolve({ kind: 'exited', exitCode: code ?? 0 });
      });
    });
  }

  private pipesClosed(lingerMs: number): Promise<void> {
    const pipes = [this.child.stdout, this.child.stderr].filter((pipe) => pipe !== null);
    return new Promise((resolve) => {
      const check = (): void => {
        if (pipes.every((pipe) => pipe.closed)) finish();
      };
      const timer = setTimeout(() => {
        for (const pipe of pipes) pipe.destroy();
        finish();
      }, lingerMs);
      const finish = (): void => {
        clearTimeout(timer);
        resolve();
      };
      for (const pipe of pipes) pipe.once('close', check);
      check();
    });
  }
}

function argvOf(command: Command | undefined): [string, ...string[]] | undefined {
  const form = command?.form;
  if (form?.$case === 'script') return form.script === '' ? undefined : ['/bin/sh', '-c', form.script];
  const [file, ...args] = form?.argv.args ?? [];
  return file === undefined || file === '' ? undefined : [file, ...args];
}

/** Asked beforehand: a missing working directory and a missing command give the same ENOENT. */
function problemWithFolder(cwd: string): string | undefined {
  try {
    return statSync(cwd).isDirectory() ? undefined : `cwd: ${cwd} is not a directory`;
  } catch (error) {
    return `cwd: ${errorText(error)}`;
  }
}

function failed(trouble: string): Execution {
  return { process: undefined, ended: Promise.resolve({ kind: 'spawn_failed', trouble }), stop: () => false };
}
