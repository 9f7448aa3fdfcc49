export interface Holder {
  readonly pid: number;
  readonly startTime?: string;
}
/** The living holder; undefined for a lock that is free or was left by a crash. */
export function holderOf(file: string): Holder | undefined;
export function tryLock(file: string, more?: Readonly<Record<string, unknown>>): boolean;
