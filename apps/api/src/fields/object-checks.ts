import { fine, flaw, inside, type Check } from './flaw.js';
import { isPlainObject } from './text-checks.js';

interface Part {
  readonly check: Check;
  readonly required?: true;
}

/** What is in it is looked at later, by who knows. */
export const objectField: Check = (value) =>
  isPlainObject(value) ? fine : flaw('wrong_type', 'must be an object');

/** An object of these fields and no others. */
export function objectOf(parts: Readonly<Record<string, Part>>): Check {
  const names = Object.keys(parts);
  return (value) => {
    if (!isPlainObject(value)) return flaw('wrong_type', `must be an object with ${names.join(', ')}`);
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(parts, name));
    const flaws = unknown.flatMap((name) =>
      flaw('unknown_field', 'there is no such field', `.${name.slice(0, 64)}`),
    );
    return [...flaws, ...Object.entries(parts).flatMap(([name, part]) => flawsOf(value[name], name, part))];
  };
}

function flawsOf(value: unknown, name: string, { check, required }: Part) {
  if (value !== undefined) return inside(`.${name}`, check(value));
  return required ? flaw('required', 'is missing', `.${name}`) : fine;
}
