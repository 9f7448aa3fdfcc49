import { fine, flaw, inside, type Check, type Flaw } from './flaw.js';

export interface TextRules {
  readonly min?: number;
  readonly max: number;
  readonly pattern?: RegExp;
  /** What the pattern asks for, in words. */
  readonly form?: string;
}

/** Text that can go into argument lists, files and the log unharmed: no NUL, no half characters, bounded. */
export function text(rules: TextRules): Check {
  return (value) => textFlaws(value, rules);
}

export function textFlaws(value: unknown, rules: TextRules): readonly Flaw[] {
  if (typeof value !== 'string') return flaw('wrong_type', 'must be a string');
  if (value.length > rules.max) return flaw('too_long', `may have ${rules.max} characters at most`);
  if (value.includes('\u0000')) return flaw('contains_nul', 'must not contain NUL');
  // A lone surrogate has no UTF-8 form: it would be stored as something else than was sent.
  if (/\p{Surrogate}/u.test(value)) return flaw('bad_format', 'must be well-formed Unicode');
  const min = rules.min ?? 0;
  if (value.length < min) {
    return flaw('too_short', min === 1 ? 'must not be empty' : `must have at least ${min} characters`);
  }
  if (rules.pattern && !rules.pattern.test(value)) {
    return flaw('bad_format', `must be ${rules.form ?? 'of its syntax'}`);
  }
  return fine;
}

/** ASCII, so that two names that look the same are the same. */
export const name = text({
  min: 1,
  max: 128,
  pattern: /^[A-Za-z0-9](?:[A-Za-z0-9 ._:/@+-]{0,126}[A-Za-z0-9.])?$/,
  form: 'letters, digits, blanks and . _ : / @ + - inside',
});

export const resourceId = text({
  min: 1,
  max: 128,
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/,
  form: 'an id',
});

export const userName = text({
  min: 1,
  max: 64,
  pattern: /^(?:[A-Za-z_][A-Za-z0-9_.-]{0,62}\$?|\d{1,10})$/,
  form: 'a user name or a numeric id',
});

export const directoryPath = text({ min: 1, max: 4096, pattern: /^\//, form: 'an absolute path' });

export const sha256Hex = text({ min: 64, max: 64, pattern: /^[0-9a-f]{64}$/, form: '64 hexadecimal digits' });

const maxCommandLength = 65_536;
const maxArguments = 256;

/** A string for `/bin/sh -c`, or an argument vector. */
export const commandLine: Check = (value) => {
  if (typeof value === 'string') return textFlaws(value, { min: 1, max: maxCommandLength });
  if (!Array.isArray(value)) return flaw('wrong_type', 'must be a string or a list of strings');
  if (value.length === 0) return flaw('too_short', 'must have at least one element');
  if (value.length > maxArguments) return flaw('too_long', `may have ${maxArguments} elements at most`);
  return value.flatMap((argument, i) =>
    inside(`[${i}]`, textFlaws(argument, { min: i === 0 ? 1 : 0, max: maxCommandLength })),
  );
};

const environmentName = /^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/;
const maxVariables = 128;
const maxVariableLength = 32_768;

export const environment: Check = (value) => {
  if (!isPlainObject(value)) return flaw('wrong_type', 'must be an object of strings');
  const entries = Object.entries(value);
  if (entries.length > maxVariables) return flaw('too_long', `may have ${maxVariables} variables at most`);
  return entries.flatMap(([key, content]) => {
    const path = `.${key.slice(0, 64)}`;
    if (!environmentName.test(key)) return flaw('bad_format', 'is no name of a variable', path);
    return inside(path, textFlaws(content, { max: maxVariableLength }));
  });
};

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
