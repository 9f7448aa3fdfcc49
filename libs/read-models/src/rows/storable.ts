/**
 * Postgres holds neither U+0000 nor half of a surrogate pair, and what machines print has both. They are
 * replaced, never refused: the log keeps the original.
 */
const replacement = '\uFFFD';
// In unicode mode a pair is one character, so that this matches halves only.
const loneSurrogates = /\p{Surrogate}/gu;
// Nearly everything is: cheap to say, and what is left is looked at closely.
const plain = /^[^\0\uD800-\uFFFF]*$/;

export function storableText(text: string): string {
  if (plain.test(text)) return text;
  return text.replaceAll('\u0000', replacement).replace(loneSurrogates, replacement);
}

// JSON.stringify escapes exactly these two; an escaped backslash before `u` only costs a needless cleaning.
const suspicious = /\\u(?:0000|d[89a-f])/;

export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  return suspicious.test(text) ? JSON.stringify(cleaned(value)) : text;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [storableText(key), cleaned(child)]));
}
