import { isTimeZone, parseCron } from '@fluxforge/domain/cron';
import { fine, flaw, type Check } from './flaw.js';
import { text } from './text-checks.js';

/** Five fields, or a name such as `@daily`: what is kept of it is `expandMacro` of it, trimmed. */
export const cronField: Check = (value) => {
  const flaws = text({ min: 6, max: 256 })(value);
  if (flaws.length > 0) return flaws;
  const parsed = parseCron(String(value));
  return parsed.flaw === null ? fine : flaw('bad_format', parsed.flaw);
};

export const timeZoneField: Check = (value) => {
  const flaws = text({ min: 1, max: 64 })(value);
  if (flaws.length > 0) return flaws;
  return isTimeZone(String(value))
    ? fine
    : flaw('bad_format', 'must be the name of a time zone, such as Europe/Berlin');
};
