import { type EnvReader } from './env.js';

/** When the silence of many agents at once is held to be a fault of the network. */
export interface BrakeConfig {
  /** More than this share of a tenant's agents has to be silent; at 100 it never is. */
  readonly sharePercent: number;
  readonly minAgents: number;
  readonly windowMs: number;
  readonly holdMs: number;
}

export interface BreakerThreshold {
  readonly failures: number;
  /** Among this many of the last ends. */
  readonly of: number;
}

/** When agents and failure domains are given nothing more. */
export interface BreakersConfig {
  /** Key of the label whose values are failure domains. */
  readonly domainLabel: string;
  readonly agent: BreakerThreshold;
  readonly domain: BreakerThreshold;
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
}

const dayMs = 86_400_000;
/** Ends that a breaker looks at are kept with it, and in every snapshot. */
const maxEnds = 100;

export function brakeConfig(e: EnvReader): BrakeConfig {
  return {
    sharePercent: e.integer('FLUXFORGE_BRAKE_SHARE_PERCENT', { min: 1, max: 100, fallback: 50 }),
    minAgents: e.integer('FLUXFORGE_BRAKE_MIN_AGENTS', { min: 1, max: 1_000_000, fallback: 5 }),
    windowMs: e.integer('FLUXFORGE_BRAKE_WINDOW_MS', { min: 1_000, max: dayMs, fallback: 60_000 }),
    holdMs: e.integer('FLUXFORGE_BRAKE_HOLD_MS', { min: 1_000, max: dayMs, fallback: 300_000 }),
  };
}

export function breakersConfig(e: EnvReader): BreakersConfig {
  const cooldownMs = e.integer('FLUXFORGE_BREAKER_COOLDOWN_MS', { min: 100, max: dayMs, fallback: 30_000 });
  const name = 'FLUXFORGE_BREAKER_MAX_COOLDOWN_MS';
  const maxCooldownMs = e.integer(name, { min: 100, max: dayMs, fallback: 600_000 });
  if (maxCooldownMs < cooldownMs) e.mistake(name, 'must not be less than FLUXFORGE_BREAKER_COOLDOWN_MS');
  return {
    domainLabel: e.matching(
      'FLUXFORGE_FAILURE_DOMAIN_LABEL',
      /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/,
      'the key of a label',
      'zone',
    ),
    agent: threshold(e, 'FLUXFORGE_AGENT_BREAKER', { failures: 5, of: 6 }),
    domain: threshold(e, 'FLUXFORGE_DOMAIN_BREAKER', { failures: 10, of: 12 }),
    cooldownMs,
    maxCooldownMs,
  };
}

function threshold(e: EnvReader, prefix: string, fallback: BreakerThreshold): BreakerThreshold {
  const range = { min: 1, max: maxEnds };
  const failures = e.integer(`${prefix}_FAILURES`, { ...range, fallback: fallback.failures });
  const of = e.integer(`${prefix}_OF`, { ...range, fallback: fallback.of });
  if (failures > of) e.mistake(`${prefix}_FAILURES`, `must not be more than ${prefix}_OF, which is ${of}`);
  return { failures, of };
}
