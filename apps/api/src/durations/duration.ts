/** Durations as people write them: `500ms`, `90s`, `5m`, `1h30m`, `7d`. Units fall, each at most once. */

const units: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const maxLength = 32;
const maxDigits = 12;

/** Milliseconds, or null when the text is no duration. One pass, no backtracking. */
export function parseDuration(text: string): number | null {
  if (text.length === 0 || text.length > maxLength) return null;
  let total = 0;
  let at = 0;
  let nextUnit = 0;
  while (at < text.length) {
    const digitsEnd = skip(text, at, isDigit);
    const nameEnd = skip(text, digitsEnd, isLetter);
    if (digitsEnd === at || digitsEnd - at > maxDigits) return null;
    const name = text.slice(digitsEnd, nameEnd);
    const unit = units.findIndex(([unitName], i) => i >= nextUnit && unitName === name);
    if (unit < 0) return null;
    total += Number(text.slice(at, digitsEnd)) * (units[unit]?.[1] ?? 0);
    nextUnit = unit + 1;
    at = nameEnd;
  }
  return Number.isSafeInteger(total) ? total : null;
}

/** Of text that was validated. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new Error(`a duration that was validated does not parse: ${text}`);
  return ms;
}

export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [name, unitMs] of units) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${name}`;
    rest -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}

function skip(text: string, from: number, wanted: (code: number) => boolean): number {
  let at = from;
  while (at < text.length && wanted(text.charCodeAt(at))) at++;
  return at;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (code: number): boolean => code >= 97 && code <= 122;
