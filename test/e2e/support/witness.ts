import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Testimony {
  readonly what: 'start' | 'stop' | 'overlap';
  readonly taskId: string;
  readonly attempt: number;
  /** Mark of the agent's data directory. */
  readonly agent: string;
  readonly pid: number;
}

/** What tasks wrote down of themselves, outside the product. */
export class Witness {
  private readonly file: string;

  constructor(readonly folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o777 });
    this.file = join(folder, 'witness');
  }

  command(seconds: number, exitCode = 0): string[] {
    const script = resolve(__dirname, 'witness-task.sh');
    return ['/bin/sh', script, this.folder, seconds.toFixed(2), String(exitCode)];
  }

  read(): Testimony[] {
    if (!existsSync(this.file)) return [];
    return readFileSync(this.file, 'utf8').split('\n').filter(Boolean).map(testimonyOf);
  }
}

export function testimonyOf(line: string): Testimony {
  const [what, taskId = '', attempt, agent = '', pid] = line.split(' ');
  if (what !== 'start' && what !== 'stop' && what !== 'overlap') throw new Error(`not a testimony: ${line}`);
  return { what, taskId, attempt: Number(attempt), agent, pid: Number(pid) };
}
