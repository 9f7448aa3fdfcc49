import { InProcessCache, lost, type Cache, type Kept, type NamedText } from '@fluxforge/cache';

export interface TwinOptions {
  /** Null: no cache is shared, and the owner is asked. */
  readonly cache: Cache | null;
  readonly nowMs: () => number;
  /** What is looked at for a tenant. The last is the pulse of its owner: without it the rest is nobody's word. */
  readonly names: (tenantId: string) => readonly string[];
  /** The same texts from the owner itself; rejects when it does not answer. */
  readonly askOwner: (tenantId: string) => Promise<readonly NamedText[]>;
}

/** Older than this a mirror says nothing. */
const freshMs = 2_000;
const refreshAfterMs = 200;
const askOwnerAfterMs = 1_000;
const twinKeepMs = 2_000;
const maxTenants = 10_000;
/** Owners have other work: beyond these a tenant's turn comes later. */
const maxOwnersAsked = 8;

/**
 * A twin in the process of what owners mirror into the cache. It is refreshed behind the requests that look at it, so
 * none of them waits: the first after a pause finds nothing, which holds nobody back.
 */
export class Twin {
  private readonly kept: InProcessCache;
  private readonly refreshedAtMs = new Map<string, number>();
  private readonly askedAtMs = new Map<string, number>();
  private asking = 0;

  constructor(private readonly options: TwinOptions) {
    this.kept = new InProcessCache({ nowMs: options.nowMs, maxEntries: maxTenants });
  }

  /** As far as it is known without waiting, in the order of the names. */
  look(tenantId: string): Promise<readonly (Kept | null)[]> {
    this.refreshSoon(tenantId);
    return this.kept.get(this.options.names(tenantId));
  }

  private refreshSoon(tenantId: string): void {
    const nowMs = this.options.nowMs();
    if (nowMs - (this.refreshedAtMs.get(tenantId) ?? -Infinity) < refreshAfterMs) return;
    mark(this.refreshedAtMs, tenantId, nowMs);
    // Whatever becomes of it, the twin is as old as it is.
    this.refresh(tenantId).catch(() => undefined);
  }

  private async refresh(tenantId: string): Promise<void> {
    const names = this.options.names(tenantId);
    const found = await this.options.cache?.get(names);
    const fresh = found && found !== lost ? found.map((one) => (isFresh(one) ? one : null)) : [];
    if (!fresh.at(-1)) return this.refreshFromOwner(tenantId);
    await this.keep(names.flatMap((name, i) => (fresh[i] ? [[name, fresh[i].text] as const] : [])));
  }

  private async refreshFromOwner(tenantId: string): Promise<void> {
    const nowMs = this.options.nowMs();
    if (nowMs - (this.askedAtMs.get(tenantId) ?? -Infinity) < askOwnerAfterMs) return;
    if (this.asking >= maxOwnersAsked) return;
    mark(this.askedAtMs, tenantId, nowMs);
    this.asking += 1;
    try {
      await this.keep(await this.options.askOwner(tenantId));
    } finally {
      this.asking -= 1;
    }
  }

  private async keep(texts: readonly NamedText[]): Promise<void> {
    await this.kept.put(texts, twinKeepMs);
  }
}

export function isFresh(kept: Kept | null | undefined): kept is Kept {
  return !!kept && kept.ageMs <= freshMs;
}

function mark(times: Map<string, number>, tenantId: string, nowMs: number): void {
  times.delete(tenantId);
  times.set(tenantId, nowMs);
  if (times.size <= maxTenants) return;
  const oldest = times.keys().next();
  if (!oldest.done) times.delete(oldest.value);
}
