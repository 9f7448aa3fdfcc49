import { makeTasksContext, defaultTasksPolicy, type TasksEffect } from '@fluxforge/domain/tasks-context';
import { type DirectoryEntry } from '@fluxforge/events/catalogue';
import { type InMemoryLog } from '@fluxforge/events/in-memory';
import { HostGroup, type Justified } from '@fluxforge/events/partition-host';
import { partitions, writeEntry } from './api-in-memory.js';

/**
 * The owner of the tasks partitions on a log in memory: the production host and rules, with no agents.
 * Of its effects only the directory's are carried out, which is what the API lives on.
 */
export async function startTasksOwner(log: InMemoryLog): Promise<{ close(): Promise<void> }> {
  const nothing = () => undefined;
  const write = (entry: DirectoryEntry) => void writeEntry(log, entry).catch(nothing);
  const group = new HostGroup(
    log,
    {
      context: 'tasks',
      topicPrefix: 'spec',
      partitions,
      epoch: 1,
      address: '127.0.0.1:7072',
      sessionTimeoutMs: 6000,
      heartbeatIntervalMs: 100,
      rebalanceTimeoutMs: 1000,
      tickMs: 5,
      nowMs: Date.now,
      loadSnapshot: async () => null,
      events: {
        onEffects: (partition, effects) => effects.forEach((e) => entriesOf(partition, e).forEach(write)),
        onLeading: (partition, offset) =>
          write({
            kind: 'owner',
            context: 'tasks',
            address: '127.0.0.1:7072',
            generation: 1,
            partition,
            offset,
          }),
        onSettled: nothing,
        onDeciding: nothing,
        onFallen: nothing,
        onStopped: nothing,
        onCommit: nothing,
        onDeadLetter: nothing,
        onPlaced: nothing,
      },
    },
    () => makeTasksContext(defaultTasksPolicy),
  );
  await group.start();
  return { close: () => group.close() };
}

function entriesOf(partition: number, { effect, offset }: Justified<TasksEffect>): DirectoryEntry[] {
  const from = { partition, offset: offset ?? 0 };
  if (effect.kind === 'directory-tenant') {
    const { tenantId, name, limits } = effect;
    return [{ kind: 'tenant', tenant_id: tenantId, name, limits, ...from }];
  }
  if (effect.kind !== 'directory-key') return [];
  const { tenantId, keyId, keyHash, role, revoked } = effect;
  return [{ kind: 'key', tenant_id: tenantId, key_id: keyId, key_hash: keyHash, role, revoked, ...from }];
}
