/** A snapshot as text, to be compared byte by byte. */
export function textOf(snapshot: unknown): string {
  return typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot);
}
