import { notOverloaded, type SetMode } from '@fluxforge/domain/modes';
import {
  type EventData,
  type Fact,
  type Labels,
  type Limits,
  type Mode,
  type Role,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';

export interface ApiKey {
  readonly id: string;
  readonly hash: string;
  readonly role: Role;
  revoked: boolean;
}

/**
 * created -> used by one agent. Both stay known until a day after the token's time is out: an agent whose
 * answer was lost repeats its enrolment, and must be told of the same agent again.
 */
export interface JoinToken {
  readonly id: string;
  readonly hash: string;
  readonly labels: Labels;
  readonly expiresAtMs: number;
  used: { readonly agentId: string; readonly credentialHash: string } | null;
}

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
  limits: Limits;
  /** As an operator set it for this tenant alone. */
  mode: Mode;
  /** What the depth of its own queue called for. */
  overload: SetMode;
  readonly keys: Map<string, ApiKey>;
  /** By the token's hash: the token itself never comes here. */
  readonly tokens: Map<string, JoinToken>;
  readonly tokenHashes: Map<string, string>;
}

/** What a tenant may hold of things that have no quota of their own, so that nothing grows without end. */
export const tenantBounds = { activeKeys: 1_000, keys: 10_000, joinTokens: 10_000 } as const;

const usedTokenKeptMs = 24 * 3600 * 1000;

export function newTenant(data: EventData<'tenant.created'>, timeMs: number): Tenant {
  return {
    id: data.tenant_id,
    name: data.name,
    createdAtMs: timeMs,
    limits: data.limits,
    mode: 'normal',
    overload: notOverloaded,
    keys: new Map(),
    tokens: new Map(),
    tokenHashes: new Map(),
  };
}

export type TenantFact = Fact<
  Extract<
    TasksEventBody,
    {
      type:
        | 'tenant.created'
        | 'tenant.limits-set'
        | 'tenant.mode-set'
        | 'tenant.overload-set'
        | 'tenant.key-added'
        | 'tenant.key-revoked'
        | 'join-token.created';
    }
  >
>;

/** Folds what concerns a tenant that exists; its creation is `newTenant`. */
export function evolveTenant(tenant: Tenant, fact: TenantFact): void {
  switch (fact.type) {
    case 'tenant.created':
      return;
    case 'tenant.limits-set':
      tenant.limits = fact.data.limits;
      return;
    case 'tenant.mode-set':
      tenant.mode = fact.data.mode;
      return;
    case 'tenant.overload-set':
      tenant.overload = { mode: fact.data.mode, reason: fact.data.reason };
      return;
    case 'tenant.key-added':
      tenant.keys.set(fact.data.key_id, {
        id: fact.data.key_id,
        hash: fact.data.key_hash,
        role: fact.data.role,
        revoked: false,
      });
      return;
    case 'tenant.key-revoked': {
      const key = tenant.keys.get(fact.data.key_id);
      if (key) key.revoked = true;
      return;
    }
    case 'join-token.created':
      addToken(tenant, fact.data, fact.timeMs);
  }
}

function addToken(tenant: Tenant, data: EventData<'join-token.created'>, nowMs: number): void {
  // The sweep runs only when the room is full: rare, and bounded by the room.
  if (tenant.tokens.size >= tenantBounds.joinTokens) sweepTokens(tenant, nowMs);
  tenant.tokens.set(data.token_hash, {
    id: data.token_id,
    hash: data.token_hash,
    labels: data.labels,
    expiresAtMs: data.expires_at_ms,
    used: null,
  });
  tenant.tokenHashes.set(data.token_id, data.token_hash);
}

function isOver(token: JoinToken, nowMs: number): boolean {
  return token.expiresAtMs + usedTokenKeptMs <= nowMs;
}

function sweepTokens(tenant: Tenant, nowMs: number): void {
  for (const token of tenant.tokens.values()) {
    if (!isOver(token, nowMs)) continue;
    tenant.tokens.delete(token.hash);
    tenant.tokenHashes.delete(token.id);
  }
}

export function hasRoomForToken(tenant: Tenant, nowMs: number): boolean {
  if (tenant.tokens.size < tenantBounds.joinTokens) return true;
  for (const token of tenant.tokens.values()) if (isOver(token, nowMs)) return true;
  return false;
}

export function hasRoomForKey(tenant: Tenant): boolean {
  if (tenant.keys.size >= tenantBounds.keys) return false;
  if (tenant.keys.size < tenantBounds.activeKeys) return true;
  let active = 0;
  for (const key of tenant.keys.values()) if (!key.revoked) active += 1;
  return active < tenantBounds.activeKeys;
}

export function useToken(tenant: Tenant, tokenId: string, agentId: string, credentialHash: string): void {
  const token = tenant.tokens.get(tenant.tokenHashes.get(tokenId) ?? '');
  if (token) token.used = { agentId, credentialHash };
}
