export interface ProcessEntry {
  readonly pid: number;
  readonly ppid: number;
  readonly startTime?: string | undefined;
  readonly runId?: string | undefined;
}
export interface Stat {
  readonly name: string;
  readonly state: string;
  readonly ppid: number;
  readonly startTime: string;
}
export function parseStat(text: string): Stat | undefined;
export function environValue(text: string, name: string): string | undefined;
export function withRunId(processes: readonly ProcessEntry[], runId: string, self: number): ProcessEntry[];
export function findByRunId(runId: string): ProcessEntry[];
export function startTimeOf(pid: number): string | undefined;
export function isAlive(process: { readonly pid: number; readonly startTime?: string | undefined }): boolean;
export function endProcesses(
  processes: readonly { readonly pid: number; readonly startTime?: string | undefined }[],
  options?: { first?: NodeJS.Signals; graceMs?: number },
): Promise<void>;
