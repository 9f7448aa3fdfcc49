/** A record that cannot be understood: parked to dead letters by its consumer, never skipped in silence. */
export class PoisonRecord extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PoisonRecord';
  }
}

/** Deeper JSON than this is refused: re-serialising a deep value can overflow the stack later. */
const maxDepth = 32;

export function parseBody(value: Buffer | null): unknown {
  if (value === null) throw new PoisonRecord('the record has no value');
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString('utf8'));
  } catch {
    throw new PoisonRecord('the value is not JSON');
  }
  if (deeperThan(parsed, maxDepth)) throw new PoisonRecord(`the value is nested deeper than ${maxDepth}`);
  return parsed;
}

function deeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth === 0) return true;
  for (const child of Object.values(value)) {
    if (deeperThan(child, depth - 1)) return true;
  }
  return false;
}
