/** A cron expression, read. Fields are lists of what is allowed, in rising order, or look-ups by number. */
export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly isDayOfMonth: readonly boolean[];
  readonly isMonth: readonly boolean[];
  readonly isDayOfWeek: readonly boolean[];
  /** Either day field begins with a star: a day must fit both. Else one of the two is enough, as in Vixie cron. */
  readonly bothDayFields: boolean;
  /** The hour field begins with a star: follows real time when the clock is put back or forward. */
  readonly wildHour: boolean;
}

export type ParsedCron =
  { readonly cron: Cron; readonly flaw: null } | { readonly cron: null; readonly flaw: string };

export const maxCronLength = 256;

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const fields: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: monthNames },
  // 7 is Sunday as well as 0.
  { name: 'day of week', min: 0, max: 7, names: dayNames },
];

const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** The five fields that a name such as `@hourly` stands for; any other text as it is. */
export function expandMacro(text: string): string {
  return Object.hasOwn(macros, text) ? macros[text]! : text;
}

class Flaw extends Error {}

/**
 * Five fields: minute, hour, day of month, month, day of week. Each is a list of `*`, numbers or names, ranges
 * of them, and ranges or stars with a step. One pass over a text of bounded length.
 */
export function parseCron(text: string): ParsedCron {
  try {
    return { cron: parse(text), flaw: null };
  } catch (error: unknown) {
    if (error instanceof Flaw) return { cron: null, flaw: error.message };
    throw error;
  }
}

function parse(text: string): Cron {
  if (text.length > maxCronLength)
    throw new Flaw(`has ${text.length} characters, more than ${maxCronLength}`);
  const parts = expandMacro(text.trim())
    .split(/[ \t]+/)
    .filter((part) => part !== '');
  if (parts.length !== fields.length) {
    throw new Flaw(`has ${parts.length} fields, not 5 (minute, hour, day of month, month, day of week)`);
  }
  const [minutes, hours, daysOfMonth, months, weekDays] = parts.map((part, i) => readField(fields[i]!, part));
  return {
    minutes: numbers(minutes!),
    hours: numbers(hours!),
    isDayOfMonth: lookup(daysOfMonth!, 31),
    isMonth: lookup(months!, 12),
    isDayOfWeek: lookup(new Set([...weekDays!].map((day) => day % 7)), 6),
    bothDayFields: parts[2]!.startsWith('*') || parts[4]!.startsWith('*'),
    wildHour: parts[1]!.startsWith('*'),
  };
}

function numbers(set: ReadonlySet<number>): number[] {
  return [...set].sort((a, b) => a - b);
}

function lookup(set: ReadonlySet<number>, max: number): boolean[] {
  return Array.from({ length: max + 1 }, (_, value) => set.has(value));
}

function readField(field: Field, text: string): Set<number> {
  const values = new Set<number>();
  for (const item of text.split(',')) readItem(field, item, values);
  return values;
}

function readItem(field: Field, item: string, values: Set<number>): void {
  const [range, stepText, ...more] = item.split('/');
  if (more.length > 0) throw flaw(field, item, 'has more than one step');
  const [low, high, isRange] = readRange(field, range!, item);
  if (stepText !== undefined && !isRange) throw flaw(field, item, 'has a step, which needs a range or `*`');
  const step = stepText === undefined ? 1 : readNumber(stepText);
  if (step === null || step < 1 || step > field.max) {
    throw flaw(field, item, `has a step that is not a number from 1 to ${field.max}`);
  }
  for (let value = low; value <= high; value += step) values.add(value);
}

function readRange(field: Field, range: string, item: string): [number, number, boolean] {
  if (range === '*') return [field.min, field.name === 'day of week' ? 6 : field.max, true];
  const ends = range.split('-');
  if (ends.length > 2) throw flaw(field, item, 'is no range of two values');
  const low = readValue(field, ends[0]!, item);
  if (ends.length === 1) return [low, low, false];
  const high = readValue(field, ends[1]!, item);
  if (high < low) throw flaw(field, item, 'is a range that runs backwards');
  return [low, high, true];
}

function readValue(field: Field, text: string, item: string): number {
  const named = field.names.indexOf(text.toUpperCase());
  if (named >= 0) return named + field.min;
  const value = readNumber(text);
  if (value === null || value < field.min || value > field.max) {
    const names = field.names.length > 0 ? ` or a name such as ${field.names[1]}` : '';
    throw flaw(field, item, `is not a number from ${field.min} to ${field.max}${names}`);
  }
  return value;
}

function readNumber(text: string): number | null {
  return /^[0-9]{1,2}$/.test(text) ? Number(text) : null;
}

function flaw(field: Field, item: string, what: string): Flaw {
  return new Flaw(`${field.name}: ${JSON.stringify(item)} ${what}`);
}
