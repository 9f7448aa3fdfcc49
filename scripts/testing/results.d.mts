export interface Totals {
  passed: number;
  failed: number;
  failures: { name: string; message?: string | undefined }[];
  skips: { name: string; file: string; reason?: string | undefined }[];
}
export interface JestRun {
  readonly group: string;
  readonly expectedFiles: readonly string[];
  readonly exitCode: number | string;
  /** What jest wrote with --json; undefined when it wrote nothing. */
  readonly json: unknown;
}
export function emptyTotals(): Totals;
export function addJest(totals: Totals, run: JestRun): Totals;
export function judge(totals: Totals, allowed: readonly string[]): Totals;
export function allowedSkips(from: { env?: string; ciText?: string }): string[];
export function lastLine(totals: Pick<Totals, 'passed' | 'failed'>): string;
