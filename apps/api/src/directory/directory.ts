import { type DirectoryEntry, type Mode, type Role } from '@fluxforge/events/catalogue';
import { partitionOf } from '@fluxforge/events/partitioner';
import { modesHeld, ofPartition, type HeldMode } from './held-modes.js';

type Entry<K extends DirectoryEntry['kind']> = Extract<DirectoryEntry, { kind: K }>;

/** Who calls, as found from the key alone: nothing that a request says of itself is part of it. */
export interface Caller {
  readonly tenantId: string;
  readonly keyId: string;
  readonly role: Role;
  readonly partition: number;
}

/**
 * What the directory topic says, folded. Entries come in the order of their partition of the topic, but
 * a new owner writes again what the old one may have written: of a key, the one from the highest
 * position stands.
 */
export class Directory {
  private readonly tenants = new Map<string, Entry<'tenant'>>();
  private readonly keys = new Map<string, Entry<'key'>>();
  private readonly owners = new Map<string, Entry<'owner'>>();
  private readonly modes = new Map<string, Entry<'mode'>>();

  constructor(private readonly partitions: number) {}

  apply(entry: DirectoryEntry): void {
    switch (entry.kind) {
      case 'tenant':
        return keep(this.tenants, entry.tenant_id, entry);
      case 'key':
        return keep(this.keys, entry.key_hash, entry);
      case 'owner':
        return keep(this.owners, `${entry.context}:${entry.partition}`, entry);
      case 'mode':
        return keep(this.modes, `${entry.partition}`, entry);
    }
  }

  callerOf(keyHash: string): Caller | null {
    const key = this.keys.get(keyHash);
    if (!key || key.revoked) return null;
    const partition = partitionOf(key.tenant_id, this.partitions);
    return { tenantId: key.tenant_id, keyId: key.key_id, role: key.role, partition };
  }

  tenant(tenantId: string): Entry<'tenant'> | null {
    return this.tenants.get(tenantId) ?? null;
  }

  tenantNamed(name: string): Entry<'tenant'> | null {
    for (const tenant of this.tenants.values()) if (tenant.name === name) return tenant;
    return null;
  }

  hasKeyOf(tenantId: string): boolean {
    for (const key of this.keys.values()) if (key.tenant_id === tenantId && !key.revoked) return true;
    return false;
  }

  /** The strictest of the tenant's modes and that of its partition. */
  modeOf(tenantId: string): Mode {
    return this.modesOf(tenantId)[0]?.mode ?? 'normal';
  }

  /** All but normal ones that hold for a tenant, the strictest first. */
  modesOf(tenantId: string): HeldMode[] {
    const partition = partitionOf(tenantId, this.partitions);
    return modesHeld(this.tenants.get(tenantId), this.modes.get(`${partition}`));
  }

  /** Of each partition, as its owner said last. */
  clusterModes(): (HeldMode & { readonly partition: number })[] {
    return Array.from({ length: this.partitions }, (_, partition) => {
      const entry = this.modes.get(`${partition}`);
      return { partition, ...(entry ? ofPartition(entry) : unheard) };
    });
  }

  /** Where the owner of a tenant's partition answers questions, or null. */
  questionsOf(context: 'tasks' | 'states', tenantId: string): string | null {
    const owner = this.owners.get(`${context}:${partitionOf(tenantId, this.partitions)}`);
    return owner?.questions === undefined || owner.questions === '' ? null : owner.questions;
  }

  /** Who leads a tenant's partition in the tasks context, as last heard. */
  dispatcherOf(tenantId: string): { readonly address: string; readonly generation: number } | null {
    const owner = this.owners.get(`tasks:${partitionOf(tenantId, this.partitions)}`);
    return owner ? { address: owner.address, generation: owner.generation } : null;
  }
}

/** No owner has spoken yet. */
const unheard: HeldMode = { scope: 'cluster', mode: 'normal', reason: 'operator' };

function keep<T extends { readonly offset: number }>(entries: Map<string, T>, key: string, entry: T): void {
  const known = entries.get(key);
  if (!known || entry.offset >= known.offset) entries.set(key, entry);
}
