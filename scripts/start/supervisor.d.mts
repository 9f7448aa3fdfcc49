import { type ExitOf } from '../infra/index.mjs';

export interface SupervisedService {
  readonly pid: number;
  readonly exited: Promise<ExitOf>;
  readonly logFile?: string;
  stop(): Promise<void>;
  kill9(): Promise<void>;
}
export class Supervisor {
  constructor(tell: (text: string) => void, options?: { rotateEveryMs?: number });
  add(
    name: string,
    start: (onSpawn: (service: SupervisedService) => void) => Promise<SupervisedService>,
    options?: { firstStartRetries?: number },
  ): Promise<SupervisedService>;
  running(name: string): SupervisedService | undefined;
  announceStop(): void;
  stop(names?: readonly string[]): Promise<void>;
}
export const STOP_DEADLINE_MS: number;
