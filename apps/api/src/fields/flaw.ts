import { type FieldCode } from '../http/index.js';

/** What is wrong with a value. `path` leads into it (`[2]`, `.PATH`), empty for the value itself. */
export interface Flaw {
  readonly path: string;
  readonly code: FieldCode;
  readonly message: string;
}

/** Looks at a value of any type at all and never throws. */
export type Check = (value: unknown) => readonly Flaw[];

export const fine: readonly Flaw[] = [];

export function flaw(code: FieldCode, message: string, path = ''): readonly Flaw[] {
  return [{ path, code, message }];
}

export function inside(path: string, flaws: readonly Flaw[]): readonly Flaw[] {
  return flaws.map((f) => ({ ...f, path: `${path}${f.path}` }));
}
