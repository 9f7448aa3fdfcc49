/**
 * Chance from a seed. A replay must draw what the first run drew, so chance is a function of a name that
 * both know (an id and a number, say), never of a generator that moves on.
 */

function mix(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32 bits of `text`, FNV-1a over UTF-16 code units, then mixed so that near texts lie far apart. */
export function hash32(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    hash = Math.imul(hash ^ (code & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (code >>> 8), 0x01000193);
  }
  return mix(hash);
}

/** The same number in [0, 1) for the same seed, for ever and on every machine. */
export function drawFraction(seed: string): number {
  return hash32(seed) / 0x1_0000_0000;
}

const bases = [0x811c9dc5, 0x9e3779b9, 0x7f4a7c15, 0x2545f491] as const;

/**
 * 128 bits of `text` as 32 hex digits, for ids that are derived instead of drawn. Spreads well; it resists
 * no attacker, so only names that the control plane itself made may go in.
 */
export function hashHex(text: string): string {
  let hex = '';
  for (const basis of bases) hex += hash32(text, basis).toString(16).padStart(8, '0');
  return hex;
}
