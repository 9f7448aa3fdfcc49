import { type Concurrency, type ReasonCode } from '@fluxforge/events/catalogue';

/** What tasks of one placement group share beyond the kind of agent: what else they may have to wait for. */
export interface Lane {
  readonly concurrency: Concurrency | null;
  /** The agent that the group's applies must have to themselves. */
  readonly lockedAgentId: string | null;
  /** What ran last is unknown: to lease it again may double it. */
  readonly isOrphaned: boolean;
}

export interface ClosedGate {
  /** Whoever lifts the reason opens the gate by this name. */
  readonly gate: string;
  readonly reason: ReasonCode;
}

/** One rule: null when it has nothing against a lease now. Asked by the scheduler and by explanations alike. */
export type GateRule = (lane: Lane) => ClosedGate | null;

/** The first rule that says no. */
export function closedGate(rules: readonly GateRule[], lane: Lane): ClosedGate | null {
  for (const rule of rules) {
    const closed = rule(lane);
    if (closed) return closed;
  }
  return null;
}

export const gates = {
  key: (key: string): string => `key:${key}`,
  lock: (agentId: string): string => `lock:${agentId}`,
  brake: 'brake',
} as const;
