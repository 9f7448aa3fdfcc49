import { type ReasonCode } from '@fluxforge/events/catalogue';
import { gates, type GateRule } from '@fluxforge/domain/scheduling';
import { type Realm } from './state.js';

/** Why no task of a tenant can be leased now, whatever it asks for. */
export interface Hold {
  readonly reason: ReasonCode;
  /** When the clock lifts it; null: only a fact does. */
  readonly untilMs: number | null;
  /** For what is counted: how much there is of how much there may be, and the name of the limit. */
  readonly used?: number;
  readonly limit?: number;
  readonly limitName?: string;
}

export type HoldRule = (realm: Realm, nowMs: number) => Hold | null;

/** Asked in this order by the scheduler and by explanations. Facts that lift one call `syncOpen`. */
const holdRules: readonly HoldRule[] = [];

export function realmHold(realm: Realm, nowMs: number): Hold | null {
  for (const rule of holdRules) {
    const hold = rule(realm, nowMs);
    if (hold) return hold;
  }
  return null;
}

/** What tasks of a tenant may have to wait for beside a fitting agent. Facts that lift one open its gate. */
export function gateRulesOf(realm: Realm): readonly GateRule[] {
  return [applyLock(realm)];
}

/** Two applies on one machine may get in each other's way (a package manager's lock, one file edited twice). */
function applyLock({ applies }: Realm): GateRule {
  return ({ lockedAgentId: agentId }) =>
    agentId !== null && applies.has(agentId) ? { gate: gates.lock(agentId), reason: 'lock_held' } : null;
}
