import { utf8Bytes } from '@fluxforge/domain/kernel';

interface Words {
  readonly name: string;
  readonly spec: object;
  readonly labels?: object;
}

/** What is kept of a schedule or a state until it is deleted, in memory and in each snapshot: its words as JSON in UTF-8. */
export function declaredBytes({ name, labels, spec }: Words): number {
  return utf8Bytes(JSON.stringify([name, labels, spec]));
}

/**
 * Why what is declared finds no room beside the `used` bytes of what is there, or null. `replaced` is what it takes the
 * place of: whatever the limit is by now, what takes no more than that is let in.
 */
export function declaredBytesRefusal(
  declared: Words,
  replaced: Words | null,
  { used, most }: { readonly used: number; readonly most: number },
): string | null {
  const bytes = declaredBytes(declared);
  const before = replaced ? declaredBytes(replaced) : 0;
  if (bytes <= before || used - before + bytes <= most) return null;
  return `max_declared_bytes is ${most}: this takes ${bytes} beside ${used - before} that are there`;
}
