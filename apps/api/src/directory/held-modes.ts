import { stricter, type HeldScope } from '@fluxforge/domain/modes';
import { type DirectoryEntry, type Mode, type ReasonCode } from '@fluxforge/events/catalogue';

type Entry<K extends DirectoryEntry['kind']> = Extract<DirectoryEntry, { kind: K }>;

export interface HeldMode {
  readonly scope: HeldScope;
  readonly mode: Mode;
  readonly reason: ReasonCode;
}

/** All that hold for a tenant now, the strictest first; none: normal. */
export function modesHeld(
  tenant: Entry<'tenant'> | undefined,
  partition: Entry<'mode'> | undefined,
): HeldMode[] {
  const held: HeldMode[] = [];
  if (tenant?.mode) held.push({ scope: 'tenant', mode: tenant.mode, reason: 'operator' });
  if (tenant?.overload) held.push({ scope: 'tenant_overload', ...tenant.overload });
  if (partition) held.push(ofPartition(partition));
  return held.filter(({ mode }) => mode !== 'normal').sort(byStrictness);
}

/** An entry has the stricter of an operator's word and what overload called for; its reason tells which. */
export function ofPartition({ mode, reason }: Entry<'mode'>): HeldMode {
  return { scope: reason.startsWith('overload_') ? 'partition_overload' : 'cluster', mode, reason };
}

function byStrictness(a: HeldMode, b: HeldMode): number {
  if (a.mode === b.mode) return 0;
  return stricter(a.mode, b.mode) === a.mode ? -1 : 1;
}
