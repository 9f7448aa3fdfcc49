interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly link?: boolean;
  readonly extraneous?: boolean;
}
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
export function missingPackages(lock: Lockfile, installed: Lockfile | undefined): string[];
export function nodeIsOldEnough(version: string): boolean;
