export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Where `after` takes less than `before` took, or null. It knows what schemas here gain: optional properties
 * and alternatives. Whatever else differs counts as narrower.
 */
export function narrowing(before: Json, after: Json, path: string): string | null {
  if (!isObject(before) || !isObject(after)) return same(before, after) ? null : path;
  if (!('anyOf' in before) && Array.isArray(after['anyOf'])) return inNone(before, after, path);
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const flaw = keyword(key, before[key], after[key], `${path}.${key}`);
    if (flaw) return flaw;
  }
  return null;
}

/** What had one form may have others beside it. */
function inNone(before: Json, { anyOf, ...rest }: { [key: string]: Json }, path: string): string | null {
  const forms = (anyOf as Json[]).filter(isObject);
  return forms.some((one) => narrowing(before, { ...rest, ...one }, path) === null) ? null : path;
}

function keyword(
  key: string,
  before: Json | undefined,
  after: Json | undefined,
  path: string,
): string | null {
  if (before === undefined || after === undefined) return path;
  if (key === 'properties' && isObject(before) && isObject(after)) return properties(before, after, path);
  if (key === 'anyOf' && Array.isArray(before) && Array.isArray(after)) {
    const lost = before.find((one) => !after.some((other) => narrowing(one, other, path) === null));
    return lost === undefined ? null : `${path} ${JSON.stringify(lost)}`;
  }
  return narrowing(before, after, path);
}

function properties(before: { [key: string]: Json }, after: { [key: string]: Json }, path: string) {
  for (const [name, schema] of Object.entries(before)) {
    const now = after[name];
    const flaw = now === undefined ? `${path}.${name}` : narrowing(schema, now, `${path}.${name}`);
    if (flaw) return flaw;
  }
  return null;
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
