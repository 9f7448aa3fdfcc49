import { type TasksEffect, type TasksState, leaseView } from '@fluxforge/domain/tasks-context';
import { signLease } from '@fluxforge/events/lease-token';
import { type Justified } from '@fluxforge/events/partition-host';
import { type AgentStreams } from '../agent-streams/agent-streams.js';
import { type AgentSession } from '../agent-streams/session.js';
import { wireKey, wireRun } from '../agent-streams/wire.js';
import { type DirectoryWriter } from '@fluxforge/events/directory-writer';

export interface EffectTools {
  readonly streams: AgentStreams;
  readonly directory: DirectoryWriter;
  readonly signingKey: string;
  readonly nowMs: () => number;
}

/** Output may arrive for this long after the run's own time is over. */
const outputGraceMs = 3_600_000;

type LeaseEffect = Extract<TasksEffect, { kind: 'push-lease' }>;

/** Carries out what committed events call for. Whatever is lost here, a new owner derives from state again. */
export class Effects {
  constructor(private readonly tools: EffectTools) {}

  /** `claimOffset`: what no event justifies follows from the state as it was at the owner's claim. */
  carryOut(
    partition: number,
    state: TasksState,
    effects: readonly Justified<TasksEffect>[],
    claimOffset: number,
  ): void {
    for (const { effect, offset } of effects) this.one(partition, state, effect, offset ?? claimOffset);
  }

  private one(partition: number, state: TasksState, effect: TasksEffect, offset: number): void {
    const { streams, directory } = this.tools;
    if (effect.kind === 'directory-tenant') {
      const { tenantId, name, limits, mode, overload } = effect;
      return directory.publish({
        kind: 'tenant',
        tenant_id: tenantId,
        name,
        limits,
        mode,
        ...(overload.mode !== 'normal' && { overload }),
        partition,
        offset,
      });
    }
    if (effect.kind === 'directory-key') {
      const { tenantId, keyId, keyHash, role, revoked } = effect;
      return directory.publish({
        kind: 'key',
        tenant_id: tenantId,
        key_id: keyId,
        key_hash: keyHash,
        role,
        revoked,
        partition,
        offset,
      });
    }
    if (effect.kind === 'directory-mode') {
      const { mode, reason } = effect;
      return directory.publish({ kind: 'mode', mode, reason, partition, offset });
    }
    const session = streams.session(effect.tenantId, effect.agentId);
    // No stream: the inventory at the agent's next greeting settles what it should hold.
    if (!session) return;
    if (effect.kind === 'close-agent') return session.close();
    this.order(session, state, effect);
    streams.flushSoon(session);
  }

  private order(
    session: AgentSession,
    state: TasksState,
    effect: Exclude<TasksEffect, { kind: `directory-${string}` | 'close-agent' }>,
  ): void {
    switch (effect.kind) {
      case 'push-lease':
        return this.pushLease(session, state, effect);
      case 'push-cancel':
        return session.order({ $case: 'cancel', cancel: { key: wireKey(effect), reason: 'cancelled' } });
      case 'drop-lease':
        return session.order({ $case: 'drop', drop: { keys: [wireKey(effect)] } });
      case 'ask-heartbeat':
        return session.order({ $case: 'heartbeatRequest', heartbeatRequest: { nonce: session.nextNonce() } });
    }
  }

  private pushLease(session: AgentSession, state: TasksState, effect: LeaseEffect): void {
    if (this.tools.nowMs() > effect.pushBeforeMs) return;
    const lease = leaseView(state, effect.tenantId, effect.taskId);
    if (!lease || lease.attempt !== effect.attempt || lease.life !== effect.life) return;
    const { spec } = lease;
    const outputToken = signLease(
      {
        tenant_id: effect.tenantId,
        agent_id: effect.agentId,
        task_id: effect.taskId,
        life: effect.life,
        attempt: effect.attempt,
        expires_at_ms: this.tools.nowMs() + spec.execution_timeout_ms + spec.kill_grace_ms + outputGraceMs,
      },
      this.tools.signingKey,
    );
    session.order({
      $case: 'lease',
      lease: {
        key: wireKey(effect),
        term: session.terms.term,
        durationMs: lease.leaseMs,
        ...wireRun(spec),
        outputToken,
        traceparent: lease.traceparent ?? '',
      },
    });
  }
}
