import { type Limits, type LimitsChange } from '@fluxforge/events/catalogue';

/** What a tenant has that was never told otherwise. */
export type DefaultLimits = Limits & Required<Pick<Limits, 'max_queued_bytes' | 'max_declared_bytes'>>;

/** Of a tenant that was never told otherwise, in either context. */
export const defaultMaxDeclaredBytes = 64 * 1024 * 1024;

/** No queue is without a bound: not that of a tenant from before this limit either. */
export function maxQueuedBytes(limits: Limits, defaults: DefaultLimits): number {
  return limits.max_queued_bytes ?? defaults.max_queued_bytes;
}

/** Of its schedules, and again of its states: each context counts what it owns, and neither waits for the other. */
export function maxDeclaredBytes(
  limits: Limits | null,
  defaults: { readonly max_declared_bytes: number },
): number {
  return limits?.max_declared_bytes ?? defaults.max_declared_bytes;
}

/** With what the change sets and without what it lifts. */
export function limitsAfter(now: Limits, { set, unset }: LimitsChange): Limits {
  const next: Limits = { ...now, ...set };
  for (const name of unset) delete next[name];
  return next;
}

/** Names that a change both sets and lifts. */
export function contradictions({ set, unset }: LimitsChange): (keyof Limits)[] {
  return unset.filter((name) => set[name] !== undefined);
}

/** What `next` allows more of than `now`. */
export function raisedLimits(now: Limits, next: Limits, defaults: DefaultLimits): (keyof Limits)[] {
  return limitNames(now, next).filter(
    (name) => amountOf(next, name, defaults) > amountOf(now, name, defaults),
  );
}

/** All of them: what is absent differs from every number. */
export function sameLimits(a: Limits, b: Limits): boolean {
  return limitNames(a, b).every((name) => a[name] === b[name]);
}

function limitNames(a: Limits, b: Limits): (keyof Limits)[] {
  return Object.keys({ ...a, ...b }) as (keyof Limits)[];
}

function amountOf(limits: Limits, name: keyof Limits, defaults: DefaultLimits): number {
  switch (name) {
    case 'weight':
      return limits.weight ?? 1;
    case 'submission_burst':
      return limits.submission_burst ?? limits.submissions_per_s ?? Infinity;
    case 'max_queued_bytes':
      return maxQueuedBytes(limits, defaults);
    case 'max_declared_bytes':
      return maxDeclaredBytes(limits, defaults);
    default:
      return limits[name] ?? Infinity;
  }
}
