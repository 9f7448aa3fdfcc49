import { type Command, type OutputStream, type Surroundings } from '@fluxforge/agent-protocol';

/** What to run, whoever asked: a lease or a check. */
export interface Job {
  command: Command | undefined;
  surroundings: Surroundings | undefined;
  /** Marks the process and all its descendants; found again in /proc after a crash of the agent. */
  marks: Record<string, string>;
  /** False: the reader is full. The pipe pauses until `resume` is called. */
  onOutput: (stream: OutputStream, bytes: Buffer, resume: () => void) => boolean;
}

export type Ending =
  | { kind: 'exited'; exitCode: number; trouble?: string }
  | { kind: 'signalled'; signal: string; trouble?: string }
  | { kind: 'spawn_failed'; trouble: string };

export interface Execution {
  /** Undefined when no process was made: it failed to start, or needs none. */
  process: { pid: number; startTicks: number } | undefined;
  /** Resolves once nothing of it is left to wait for. Never rejects. */
  ended: Promise<Ending>;
  /**
   * SIGTERM to everything, SIGKILL after the grace. A second call can only shorten the grace.
   * False: it has ended by itself, and that is how it ended.
   */
  stop(graceMs: number): boolean;
}

export interface Executor {
  readonly name: string;
  /** Why this job cannot be meant for this executor; undefined when it can. */
  problemWith(job: Pick<Job, 'command' | 'surroundings'>): string | undefined;
  run(job: Job): Execution;
}
