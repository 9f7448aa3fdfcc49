/** A snapshot as text, to be compared byte by byte. */
export function textOf(snapshot: unknown): string {
  return typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot);
}

/** Where two texts part, with what stands around it. */
export function difference(found: string, expected: string): string {
  let at = 0;
  while (at < found.length && found[at] === expected[at]) at += 1;
  const from = Math.max(0, at - 80);
  return `at ${at}: found ...${found.slice(from, at + 120)}... expected ...${expected.slice(from, at + 120)}...`;
}
