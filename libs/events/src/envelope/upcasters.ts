/**
 * Old versions of events and commands are read for ever: each upcaster takes the data of one version to the next.
 * `current` names the version that is written today. Entries are only added.
 */
type Upcast = (data: unknown) => unknown;

const current = new Map<string, number>();
const upcasters = new Map<string, Upcast>();

export function currentVersion(type: string): number {
  return current.get(type) ?? 1;
}

export interface TypeAndVersion {
  readonly type: string;
  readonly version: number;
}

/** `task.leased.v1` -> `task.leased`, 1. Null when it is not of that form. */
export function parseVersionedType(versioned: string): TypeAndVersion | null {
  const dot = versioned.lastIndexOf('.v');
  if (dot <= 0) return null;
  const version = Number(versioned.slice(dot + 2));
  if (!Number.isSafeInteger(version) || version < 1) return null;
  return { type: versioned.slice(0, dot), version };
}

/** Brings data to the current version; null when the version is from the future. */
export function upcast(type: string, version: number, data: unknown): { data: unknown } | null {
  const target = currentVersion(type);
  if (version > target) return null;
  let value = data;
  for (let v = version; v < target; v++) value = upcasters.get(`${type}.v${v}`)?.(value) ?? value;
  return { data: value };
}
