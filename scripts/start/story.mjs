// Events of one state, folded into what is said on the terminal: a drift and how it ended.
//   quiet -> drifted -> remediating -> verified        drifted | remediating -> given up

/** `drift.detected.v1` and `drift.detected` are the same to us. */
export const kindOf = (type) => String(type).replace(/\.v\d+$/, '');

const timeOf = (event) => new Date(event.time).getTime();

export class Story {
  #drifts = new Map();
  #seen = new Set();
  #declaredAt;

  /** What to tell about this event, if anything: {kind, agentId, ...}. Events come in order. */
  add(event) {
    const kind = kindOf(event.type);
    const agentId = event.agent_id ?? event.data?.agent_id;
    const reason = event.data?.reason ?? event.reason;
    const at = timeOf(event);
    if (kind === 'state.declared' || kind === 'state.updated') {
      this.#declaredAt = at;
      return { kind: 'declared', at };
    }
    if (kind === 'drift.detected') {
      this.#drifts.set(agentId, { driftedAt: at });
      const first = this.#declaredAt !== undefined && !this.#seen.has(agentId);
      this.#seen.add(agentId);
      return { kind: 'drifted', agentId, at, sinceDeclaredMs: first ? at - this.#declaredAt : undefined };
    }
    const drift = this.#drifts.get(agentId);
    if (kind === 'remediation.applied' && drift) {
      drift.remediatedAt = at;
      return { kind: 'remediated', agentId, at, tookMs: at - drift.driftedAt };
    }
    if (kind === 'remediation.failed') {
      return { kind: 'failed', agentId, at, reason };
    }
    if (kind === 'remediation.given-up') {
      this.#drifts.delete(agentId);
      return { kind: 'given-up', agentId, at, reason };
    }
    if (kind === 'compliance.restored') {
      this.#drifts.delete(agentId);
      return {
        kind: 'verified',
        agentId,
        at,
        driftedAt: drift?.driftedAt,
        tookMs: at - (drift?.driftedAt ?? at),
      };
    }
    if (kind === 'target.compliant') return { kind: 'compliant', agentId, at };
    return undefined;
  }
}
