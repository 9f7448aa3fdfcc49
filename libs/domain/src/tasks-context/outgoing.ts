import { type Fact } from '@fluxforge/events/catalogue';
import { clusterMode } from '@fluxforge/domain/modes';
import { type Tenant, type ApiKey } from '@fluxforge/domain/tenant';
import { type Own } from './decide.js';
import { type TasksEffect } from './effects.js';
import { type TasksPolicy } from './policy.js';
import { agentOf, taskOf, type TasksState } from './state.js';

/** What a committed fact calls for outside, with the state after the whole batch. */
export function effects(state: TasksState, policy: TasksPolicy, fact: Fact<Own>): TasksEffect[] {
  const { tenantId } = fact;
  switch (fact.type) {
    case 'tenant.created':
    case 'tenant.limits-set':
    case 'tenant.mode-set':
    case 'tenant.overload-set': {
      const tenant = state.realms.get(tenantId)?.tenant;
      return tenant ? [tenantEntry(tenant)] : [];
    }
    case 'cluster.mode-set':
      return [modeEntry(state)];
    case 'tenant.key-added':
    case 'tenant.key-revoked': {
      const key = state.realms.get(tenantId)?.tenant.keys.get(fact.data.key_id);
      return key ? [keyEntry(tenantId, key)] : [];
    }
    case 'agent.removed':
      return [{ kind: 'close-agent', tenantId, agentId: fact.data.agent_id }];
    case 'task.leased': {
      const { task_id: taskId, life, attempt, agent_id: agentId } = fact.data;
      const task = taskOf(state, tenantId, taskId);
      // The same batch may hold its end already.
      if (task?.life !== life || task.lease?.attempt !== attempt) return [];
      const pushBeforeMs = fact.timeMs + policy.leaseMarginMs;
      return [{ kind: 'push-lease', tenantId, agentId, taskId, life, attempt, pushBeforeMs }];
    }
    case 'task.cancel-requested':
    case 'task.move-requested': {
      const { task_id: taskId, life } = fact.data;
      const task = taskOf(state, tenantId, taskId);
      if (task?.life !== life || !task.lease) return [];
      const { agentId, attempt } = task.lease;
      return [{ kind: 'push-cancel', tenantId, agentId, taskId, life, attempt }];
    }
    case 'task.attempt-ended':
    case 'task.ended': {
      // An agent that is connected and did not hold its lease up may still run it.
      const { outcome, agent_id: agentId, task_id: taskId, life, attempt } = fact.data;
      if (outcome !== 'lease_expired' || agentId === undefined || attempt === undefined) return [];
      if (!agentOf(state, tenantId, agentId)?.session) return [];
      return [{ kind: 'drop-lease', tenantId, agentId, taskId, life, attempt }];
    }
    default:
      return [];
  }
}

/**
 * What nobody's event justifies: heartbeats that are due, and what the comparison with an agent's inventory
 * came to. For the host to call when everything in the state is committed.
 */
export function pulse(state: TasksState, policy: TasksPolicy, nowMs: number): TasksEffect[] {
  const { moment } = state;
  const out = moment.outbox;
  moment.outbox = [];
  while (moment.asks.peekRank() <= nowMs) {
    const agent = moment.asks.peek()!;
    moment.asks.set(agent, nowMs + policy.heartbeatMs, agent.order);
    out.push({ kind: 'ask-heartbeat', tenantId: agent.tenantId, agentId: agent.id });
  }
  return out;
}

/**
 * A new owner. Leases and cancels wait for the agents, who are greeted and show what they hold; the
 * directory may lack what the former owner committed last, so all of this partition's goes out again.
 */
export function resume(state: TasksState, nowMs: number): TasksEffect[] {
  const { moment } = state;
  moment.tookOverAtMs = nowMs;
  moment.outbox = [];
  // Where it was restored from is no reason to begin differently.
  moment.firedInARow = 0;
  const out: TasksEffect[] = [modeEntry(state)];
  for (const { tenant } of state.realms.values()) {
    out.push(tenantEntry(tenant));
    for (const key of tenant.keys.values()) out.push(keyEntry(tenant.id, key));
  }
  return out;
}

function modeEntry({ cluster }: TasksState): TasksEffect {
  return { kind: 'directory-mode', ...clusterMode(cluster.modes) };
}

function tenantEntry({ id, name, limits, mode, overload }: Tenant): TasksEffect {
  return { kind: 'directory-tenant', tenantId: id, name, limits, mode, overload };
}

function keyEntry(tenantId: string, key: ApiKey): TasksEffect {
  const { id, hash, role, revoked } = key;
  return { kind: 'directory-key', tenantId, keyId: id, keyHash: hash, role, revoked };
}
