import { type Limits } from '@fluxforge/events/catalogue';
import { type Prng } from './prng.js';

/** For a while, from so long after the start of the flood, the shared cache is like that. */
export interface CacheSpell {
  readonly what: 'slow' | 'lost';
  readonly fromMs: number;
  readonly lastsMs: number;
  /** Whether it has forgotten everything when the spell is over. */
  readonly emptied: boolean;
}

/** All tenants but one flood, through API servers that shed, while one stays inside its quota. */
export interface FloodScenario {
  readonly quietTenant: string;
  readonly limits: ReadonlyMap<string, Partial<Limits>>;
  readonly servers: number;
  /** Whether the quiet tenant's requests go to one server after the other, or to one only, at that one's share. */
  readonly spread: 'in turn' | 'one server';
  readonly maxLagRecords: number;
  readonly startsAfterMs: number;
  readonly lastsMs: number;
  /** Of each flooding tenant: requests that are on their way at one time. */
  readonly lanes: number;
  readonly thinkMs: number;
  readonly cacheSpells: readonly CacheSpell[];
}

export function drawFlood(tenants: readonly string[], prng: Prng): FloodScenario {
  const quietTenant = prng.pick(tenants);
  const servers = prng.between(2, 3);
  const lastsMs = prng.between(4_000, 7_000);
  const limits = new Map<string, Partial<Limits>>();
  for (const tenant of tenants) limits.set(tenant, tenant === quietTenant ? quiet(prng) : flooding(prng));
  return {
    quietTenant,
    limits,
    servers,
    spread: prng.chance(0.7) ? 'in turn' : 'one server',
    maxLagRecords: prng.pick([8, 20, 60]),
    startsAfterMs: prng.between(2_000, 5_000),
    lastsMs,
    lanes: prng.between(2, 3),
    thinkMs: prng.pick([30, 60]),
    cacheSpells: drawSpells(lastsMs, prng),
  };
}

/** So many that it never has them all queued: what refuses it for its depth is not its own. */
function quiet(prng: Prng): Partial<Limits> {
  return {
    submissions_per_s: prng.between(2, 4),
    submission_burst: prng.between(1, 6),
    max_queued_tasks: 1_000,
  };
}

function flooding(prng: Prng): Partial<Limits> {
  return {
    submissions_per_s: prng.between(2, 8),
    submission_burst: prng.between(1, 8),
    max_queued_tasks: prng.pick([4, 12, 1_000]),
  };
}

/** One after the other; at times none, at times from the first moment to the last. */
function drawSpells(lastsMs: number, prng: Prng): CacheSpell[] {
  const spells: CacheSpell[] = [];
  for (let fromMs = prng.pick([0, 1_000, 2_500, lastsMs]); fromMs < lastsMs; fromMs += 500) {
    const spell = {
      what: prng.pick(['slow', 'lost', 'lost'] as const),
      fromMs,
      lastsMs: prng.between(500, 4_000),
    };
    spells.push({ ...spell, emptied: prng.chance(0.5) });
    fromMs += spell.lastsMs;
  }
  return spells;
}
