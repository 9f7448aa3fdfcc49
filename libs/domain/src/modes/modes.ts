import {
  modes,
  type Mode,
  type ModeSource,
  type ReasonCode,
  type TaskKind,
} from '@fluxforge/events/catalogue';

/** What one source called for, and why. */
export interface SetMode {
  readonly mode: Mode;
  readonly reason: ReasonCode;
}

/** Of one partition. An operator's word and the overload's verdict stand side by side; the stricter holds. */
export type ClusterMode = Readonly<Record<ModeSource, SetMode>>;

/** What overload has called for as long as there was none. */
export const notOverloaded: SetMode = { mode: 'normal', reason: 'overload_over' };

export const normalCluster: ClusterMode = {
  operator: { mode: 'normal', reason: 'operator' },
  overload: notOverloaded,
};

/** The lowest priority that a degraded realm takes. */
export const degradedLowest = 2;

/** The list of modes is in the order of their strictness. */
export function stricter(a: Mode, b: Mode): Mode {
  return modes.values.indexOf(a) >= modes.values.indexOf(b) ? a : b;
}

export function clusterMode({ operator, overload }: ClusterMode): SetMode {
  return stricter(operator.mode, overload.mode) === operator.mode ? operator : overload;
}

/** A tenant's own word, and what its own overload called for, beside those of its partition. */
export function effectiveMode(tenant: Mode, overload: SetMode, cluster: ClusterMode): Mode {
  return stricter(stricter(tenant, overload.mode), clusterMode(cluster).mode);
}

/** Whose mode it is: set for the tenant or the whole cluster, or called for by the overload of one of its parts. */
export type HeldScope = 'tenant' | 'tenant_overload' | 'cluster' | 'partition_overload';

/** Whose the effective mode is; of several, the one that is named first. */
export function heldScope(tenant: Mode, overload: SetMode, cluster: ClusterMode): HeldScope {
  const mode = effectiveMode(tenant, overload, cluster);
  if (tenant === mode) return 'tenant';
  if (overload.mode === mode) return 'tenant_overload';
  return cluster.operator.mode === mode ? 'cluster' : 'partition_overload';
}

/** For people, whoever refuses. */
export const heldScopeTexts: Readonly<Record<HeldScope, string>> = {
  tenant: 'That is the mode that was set for the tenant.',
  tenant_overload: "The tenant's own queue is too deep.",
  cluster: 'That is the mode that was set for the cluster.',
  partition_overload: "The tenant's partition is overloaded.",
};

export type ModeRefusal = 'mode_degraded' | 'mode_read_only' | 'mode_draining';

/**
 * Why a new task is not let in, or null. A remediation is let in always and waits in the queue: the reconciler
 * would only ask again, and must not take a mode for a failure.
 */
export function modeRefusal(mode: Mode, kind: TaskKind, priority: number): ModeRefusal | null {
  if (kind === 'reconciliation') return null;
  switch (mode) {
    case 'normal':
      return null;
    case 'degraded':
      return priority > degradedLowest ? 'mode_degraded' : null;
    case 'read-only':
      return 'mode_read_only';
    case 'draining':
      return 'mode_draining';
  }
}

/** For people, whoever refuses. */
export const modeRefusalTexts: Readonly<Record<ModeRefusal, string>> = {
  mode_degraded: 'Only priorities 0 to 2 are let in now.',
  mode_read_only: 'Nothing new is let in now.',
  mode_draining: 'Nothing new is let in or started now.',
};

/** Nothing is leased in such a mode. */
export function holdsLeases(mode: Mode): boolean {
  return mode === 'draining';
}
