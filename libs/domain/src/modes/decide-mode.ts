import {
  systemTenant,
  type Command,
  type Decided,
  type JournalEventBody,
  type Mode,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, decided, rejected } from '@fluxforge/domain/kernel';
import { type ClusterMode } from './modes.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
export type TenantModeCommand = Command<Extract<TasksCommandBody, { type: 'tenant.set-mode' }>>;
export type ClusterModeCommand = Command<Extract<TasksCommandBody, { type: 'cluster.set-mode' }>>;

export function decideTenantMode(current: Mode | undefined, command: TenantModeCommand): Answer {
  const { mode } = command.data;
  if (current === undefined) return [rejected(command, 'not_found', 'There is no such tenant.')];
  if (mode === current) return [accepted(command, command.tenantId)];
  return [decided('tenant.mode-set', command.tenantId, command.tenantId, { mode, reason: 'operator' })];
}

/** Of this partition; the sender writes it to each. It belongs to no tenant, so none may send it. */
export function decideClusterMode(cluster: ClusterMode, command: ClusterModeCommand): Answer {
  const { mode } = command.data;
  if (command.tenantId !== systemTenant) {
    return [rejected(command, 'invalid', 'The mode of the cluster is not for a tenant to set.')];
  }
  if (mode === cluster.operator.mode) return [accepted(command, systemTenant)];
  return [
    decided('cluster.mode-set', systemTenant, systemTenant, { mode, reason: 'operator', by: 'operator' }),
  ];
}
