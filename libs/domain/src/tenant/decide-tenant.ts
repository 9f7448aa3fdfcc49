import {
  systemTenant,
  type Command,
  type Decided,
  type JournalEventBody,
  type Limits,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, decided, rejected } from '@fluxforge/domain/kernel';
import { contradictions, limitsAfter, raisedLimits, sameLimits, type DefaultLimits } from './limits.js';
import { hasRoomForKey, hasRoomForToken, type Tenant } from './tenant.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
type Of<T extends TasksCommandBody['type']> = Command<Extract<TasksCommandBody, { type: T }>>;

export type TenantCommand = Of<
  'tenant.create' | 'tenant.set-limits' | 'tenant.add-key' | 'tenant.revoke-key' | 'join-token.create'
>;

export function decideTenant(
  tenant: Tenant | undefined,
  command: TenantCommand,
  nowMs: number,
  defaultLimits: DefaultLimits,
): Answer {
  if (command.type === 'tenant.create') return create(tenant, command, defaultLimits);
  if (!tenant) return [rejected(command, 'not_found', 'There is no such tenant.')];
  switch (command.type) {
    case 'tenant.set-limits':
      return setLimits(tenant, command, defaultLimits);
    case 'tenant.add-key':
      return addKey(tenant, command);
    case 'tenant.revoke-key':
      return revokeKey(tenant, command);
    case 'join-token.create':
      return createToken(tenant, command, nowMs);
  }
}

function create(tenant: Tenant | undefined, command: Of<'tenant.create'>, defaults: Limits): Answer {
  const { tenant_id, name, limits } = command.data;
  if (tenant_id === systemTenant) return [rejected(command, 'invalid', 'This id is reserved.')];
  if (tenant_id !== command.tenantId) {
    return [rejected(command, 'invalid', 'A tenant is created under its own id.')];
  }
  if (!tenant) {
    return [decided('tenant.created', tenant_id, tenant_id, { tenant_id, name, limits: limits ?? defaults })];
  }
  if (tenant.name === name) return [accepted(command, tenant_id)];
  return [rejected(command, 'already_exists', 'A tenant of this id exists under another name.', tenant_id)];
}

function setLimits(tenant: Tenant, command: Of<'tenant.set-limits'>, defaults: DefaultLimits): Answer {
  const { data } = command;
  const limits = 'limits' in data ? data.limits : limitsAfter(tenant.limits, data.change);
  const twice = 'limits' in data ? [] : contradictions(data.change);
  if (twice.length > 0) return [rejected(command, 'invalid', `Both set and lifted: ${twice.join(', ')}.`)];
  const raised = 'only_lower' in data && data.only_lower ? raisedLimits(tenant.limits, limits, defaults) : [];
  if (raised.length > 0) {
    return [rejected(command, 'forbidden', `Only the operator may raise ${raised.join(', ')}.`, tenant.id)];
  }
  if (sameLimits(tenant.limits, limits)) return [accepted(command, tenant.id)];
  return [decided('tenant.limits-set', tenant.id, tenant.id, { limits })];
}

function addKey(tenant: Tenant, command: Of<'tenant.add-key'>): Answer {
  const { key_id, key_hash } = command.data;
  const known = tenant.keys.get(key_id);
  if (known?.hash === key_hash) return [accepted(command, key_id)];
  if (known) return [rejected(command, 'already_exists', 'A key of this id exists.', key_id)];
  if (!hasRoomForKey(tenant)) return [rejected(command, 'quota_exceeded', 'The tenant has too many keys.')];
  return [decided('tenant.key-added', tenant.id, key_id, command.data)];
}

function revokeKey(tenant: Tenant, command: Of<'tenant.revoke-key'>): Answer {
  const { key_id } = command.data;
  const key = tenant.keys.get(key_id);
  if (!key) return [rejected(command, 'not_found', 'There is no such key.')];
  if (key.revoked) return [accepted(command, key_id)];
  return [decided('tenant.key-revoked', tenant.id, key_id, { key_id })];
}

function createToken(tenant: Tenant, command: Of<'join-token.create'>, nowMs: number): Answer {
  const { token_id, token_hash, expires_at_ms } = command.data;
  const known = tenant.tokens.get(token_hash);
  if (known?.id === token_id) return [accepted(command, token_id)];
  if (known || tenant.tokenHashes.has(token_id)) {
    return [rejected(command, 'already_exists', 'This token or its id exists.')];
  }
  if (expires_at_ms <= nowMs) return [rejected(command, 'invalid', 'The token would be expired already.')];
  if (!hasRoomForToken(tenant, nowMs)) {
    return [rejected(command, 'quota_exceeded', 'The tenant has too many join tokens.')];
  }
  return [decided('join-token.created', tenant.id, token_id, command.data)];
}
