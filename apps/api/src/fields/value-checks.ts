import { parseBudget } from '../budgets/index.js';
import { formatDuration, parseDuration } from '../durations/index.js';
import {
  BadSelector,
  isLabelKey,
  isLabelValue,
  maxSelectorLength,
  parseSelector,
  selectorOfLabels,
} from '../selectors/index.js';
import { fine, flaw, inside, type Check } from './flaw.js';
import { isPlainObject, textFlaws } from './text-checks.js';

export interface Range {
  readonly min: number;
  readonly max: number;
}

export function wholeNumber({ min, max }: Range): Check {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      return flaw('wrong_type', 'must be a whole number');
    }
    return value < min || value > max ? flaw('out_of_range', `must be from ${min} to ${max}`) : fine;
  };
}

/** A whole number as the query of a URL has it. */
export function digits(range: Range): Check {
  return (value) => {
    const flaws = textFlaws(value, { min: 1, max: 16, pattern: /^-?\d+$/, form: 'a whole number' });
    return flaws.length > 0 ? flaws : wholeNumber(range)(Number(value));
  };
}

export function oneOf(values: readonly string[]): Check {
  return (value) => {
    if (typeof value !== 'string') return flaw('wrong_type', 'must be a string');
    return values.includes(value) ? fine : flaw('not_allowed', `must be one of ${values.join(', ')}`);
  };
}

export const yesOrNo: Check = (value) =>
  typeof value === 'boolean' ? fine : flaw('wrong_type', 'must be true or false');

/** Bounds in milliseconds. */
export function duration({ min, max }: Range): Check {
  return (value) => {
    if (typeof value !== 'string') return flaw('wrong_type', 'must be a string such as "90s" or "1h30m"');
    const ms = parseDuration(value);
    if (ms === null) return flaw('bad_format', 'must be a duration such as "90s", "5m" or "1h30m"');
    return ms < min || ms > max
      ? flaw('out_of_range', `must be from ${formatDuration(min)} to ${formatDuration(max)}`)
      : fine;
  };
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

export const time: Check = (value) => {
  if (typeof value !== 'string') return flaw('wrong_type', 'must be a string');
  const ms = value.length <= 40 && rfc3339.test(value) ? Date.parse(value) : NaN;
  return Number.isFinite(ms) && ms >= 0
    ? fine
    : flaw('bad_format', 'must be a time such as "2030-01-31T12:00:00Z"');
};

export const budget: Check = (value) => {
  if (typeof value !== 'string' && typeof value !== 'number') {
    return flaw('wrong_type', 'must be a number or a string such as "2" or "25%"');
  }
  return parseBudget(value) === null
    ? flaw('bad_format', 'must be a whole number up to 1000000, or "0%" to "100%"')
    : fine;
};

export const selector: Check = (value) => {
  if (typeof value !== 'string' && !isPlainObject(value)) {
    return flaw('wrong_type', 'must be a selector such as "role=web,zone in (a,b)", or an object of labels');
  }
  if (typeof value === 'string') {
    const flaws = textFlaws(value, { max: maxSelectorLength });
    if (flaws.length > 0) return flaws;
    if (value.trim() === '') return flaw('too_short', 'is empty; write "*" for every agent');
  }
  try {
    if (typeof value === 'string') parseSelector(value);
    else selectorOfLabels(value);
    return fine;
  } catch (error: unknown) {
    if (error instanceof BadSelector) return flaw('bad_format', error.message);
    throw error;
  }
};

const maxLabels = 64;

export const labels: Check = (value) => {
  if (!isPlainObject(value)) return flaw('wrong_type', 'must be an object of strings');
  const entries = Object.entries(value);
  if (entries.length > maxLabels) return flaw('too_long', `may have ${maxLabels} labels at most`);
  return entries.flatMap(([key, content]) => {
    const path = `.${key.slice(0, 64)}`;
    if (!isLabelKey(key)) return flaw('bad_format', 'is no label key', path);
    const flaws = inside(path, textFlaws(content, { max: 63 }));
    if (flaws.length > 0 || typeof content !== 'string') return flaws;
    return isLabelValue(content) ? fine : flaw('bad_format', 'is no label value', path);
  });
};

/** The wait before attempt n + 1: `base` x 2^(n-1), at most `max`. */
export const backoff: Check = (value) => {
  if (!isPlainObject(value)) return flaw('wrong_type', 'must be an object with base and max');
  const unknown = Object.keys(value).filter((key) => key !== 'base' && key !== 'max');
  const bounded = duration({ min: 0, max: 24 * 3_600_000 });
  const flaws = [
    ...unknown.flatMap((key) => flaw('unknown_field', 'there is no such field', `.${key.slice(0, 64)}`)),
    ...(['base', 'max'] as const).flatMap((key) =>
      value[key] === undefined
        ? flaw('required', 'is missing', `.${key}`)
        : inside(`.${key}`, bounded(value[key])),
    ),
  ];
  if (flaws.length > 0) return flaws;
  const [base, max] = [parseDuration(String(value['base'])), parseDuration(String(value['max']))];
  return (base ?? 0) > (max ?? 0) ? flaw('inconsistent', 'base must not be above max') : fine;
};

export function listOf(check: Check, { min, max }: Range): Check {
  return (value) => {
    if (!Array.isArray(value)) return flaw('wrong_type', 'must be a list');
    if (value.length < min) return flaw('too_short', `must have at least ${min} elements`);
    if (value.length > max) return flaw('too_long', `may have ${max} elements at most`);
    return value.flatMap((element, i) => inside(`[${i}]`, check(element)));
  };
}
