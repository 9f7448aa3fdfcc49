import { type CheckRequest } from '@fluxforge/events/catalogue';
import { agentKey } from '../agent-streams/session.js';

interface Held {
  readonly request: CheckRequest;
  readonly untilMs: number;
}

/** An agent that dials again does so within seconds; what waits longer is asked again by the reconciler. */
const holdMs = 10_000;
const maxPerAgent = 4;
const maxAgents = 10_000;

/**
 * Check requests for agents whose stream is not there at this moment. Telemetry, so bounded: the oldest of
 * an agent is let go, and beyond so many agents nothing is held.
 */
export class HeldRequests {
  private readonly byAgent = new Map<string, Held[]>();

  constructor(private readonly nowMs: () => number) {}

  hold(request: CheckRequest): void {
    const key = agentKey(request.tenant_id, request.agent_id);
    const held = this.byAgent.get(key) ?? [];
    if (held.length === 0 && this.byAgent.size >= maxAgents) this.dropOverdue();
    if (held.length === 0 && this.byAgent.size >= maxAgents) return;
    held.push({ request, untilMs: this.nowMs() + holdMs });
    if (held.length > maxPerAgent) held.shift();
    this.byAgent.set(key, held);
  }

  /** What still waits for an agent whose stream is there now. */
  take(tenantId: string, agentId: string): CheckRequest[] {
    const key = agentKey(tenantId, agentId);
    const held = this.byAgent.get(key) ?? [];
    this.byAgent.delete(key);
    const now = this.nowMs();
    return held.filter(({ untilMs }) => untilMs > now).map(({ request }) => request);
  }

  private dropOverdue(): void {
    const now = this.nowMs();
    for (const [key, held] of this.byAgent)
      if (held.every(({ untilMs }) => untilMs <= now)) this.byAgent.delete(key);
  }
}
