import { type CommandBody } from '@fluxforge/events/catalogue';
import { type CommandIngest } from '../commands/index.js';
import { type Directory, type DirectoryFollower } from '../directory/index.js';
import { ProblemError } from '../http/index.js';
import { derivedId, newSecret, sha256Hex } from '../identifiers/index.js';

/** The first tenant and its first key. A tenant's id follows from its name, so that two runs make one tenant. */
export interface Bootstrapped {
  readonly tenant_id: string;
  /** Told once, when it is made: only its hash is kept. */
  readonly api_key: string | null;
  readonly created: boolean;
}

interface Parts {
  readonly ingest: CommandIngest;
  readonly directory: Directory;
  readonly follower: DirectoryFollower;
}

const retryMs = 500;

export function tenantIdOf(name: string): string {
  return derivedId('ten', 'fluxforge tenant', name);
}

/**
 * Makes the tenant unless it is there. `deadlineMs` covers all of it, the wait for a dispatcher included.
 * A key is also made when an earlier run came no further than the tenant itself.
 */
export async function bootstrap(name: string, parts: Parts, deadlineMs: number): Promise<Bootstrapped> {
  const untilMs = Date.now() + deadlineMs;
  const tenantId = tenantIdOf(name);
  const known = parts.directory.tenant(tenantId) !== null;
  if (known && parts.directory.hasKeyOf(tenantId)) {
    return { tenant_id: tenantId, api_key: null, created: false };
  }
  const key = `ffk_${newSecret()}`;
  const keyHash = sha256Hex(key);
  // The key's id follows from the key: when the outcome of an append is unknown, the repeat is the same.
  const keyId = derivedId('key', tenantId, keyHash);
  const add = { key_id: keyId, key_hash: keyHash, role: 'admin', label: 'bootstrap' } as const;
  const create = { tenant_id: tenantId, name };
  await submit(parts, tenantId, { type: 'tenant.create', data: create }, untilMs);
  await submit(parts, tenantId, { type: 'tenant.add-key', data: add }, untilMs);
  await shown(parts, () => parts.directory.callerOf(keyHash) !== null, untilMs);
  return { tenant_id: tenantId, api_key: key, created: !known };
}

async function submit(parts: Parts, tenantId: string, body: CommandBody, untilMs: number): Promise<void> {
  const origin = { tenantId, actor: 'system:bootstrap' };
  for (;;) {
    try {
      await parts.ingest.submit({ body, resourceId: tenantId, origin });
      return;
    } catch (error: unknown) {
      // Both commands may be sent twice: the second is answered as the first.
      const passing = error instanceof ProblemError && (error.status === 503 || error.status === 504);
      if (!passing || Date.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

function shown(parts: Parts, holds: () => boolean, untilMs: number): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        stop();
        reject(new Error('no dispatcher has taken up the tenant in time'));
      },
      Math.max(0, untilMs - Date.now()),
    );
    const stop = parts.follower.watch(() => {
      if (!holds()) return;
      clearTimeout(timer);
      stop();
      resolve();
    });
  });
}
