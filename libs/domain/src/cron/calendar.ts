import { type Cron } from './parse.js';

/**
 * Local times as milliseconds since 1970-01-01 00:00 of the wall clock, without a zone: arithmetic on them needs
 * no time zone data.
 */
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Days that are looked at before an expression counts as one that never comes: a little more than 5 years. */
export const searchDays = 5 * 366;

interface Civil {
  year: number;
  month: number;
  day: number;
}

/** From a date of the Gregorian calendar to days since 1970. Years are counted from March: leap days come last. */
export function daysTo(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The way back. */
function civilOf(days: number): Civil {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

function daysInMonth({ year, month }: Civil): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The first local minute at or after `localMs` that the expression names, or null when there is none for 5 years. */
export function nextLocal(cron: Cron, localMs: number): number | null {
  const fromMinute = Math.ceil(localMs / minuteMs);
  const firstDay = Math.floor(fromMinute / 1440);
  const date = civilOf(firstDay);
  for (let days = firstDay; days <= firstDay + searchDays; days++) {
    if (fits(cron, date, days)) {
      const minute = minuteOfDay(cron, days === firstDay ? fromMinute - days * 1440 : 0);
      if (minute !== null) return (days * 1440 + minute) * minuteMs;
    }
    step(date);
  }
  return null;
}

/** Whether the expression names any time of a day, given in days since 1970. */
export function fitsDay(cron: Cron, days: number): boolean {
  return fits(cron, civilOf(days), days);
}

function fits(cron: Cron, date: Civil, days: number): boolean {
  if (!cron.isMonth[date.month]) return false;
  const dayOfMonth = cron.isDayOfMonth[date.day]!;
  // The first of January 1970 was a Thursday.
  const dayOfWeek = cron.isDayOfWeek[(((days + 4) % 7) + 7) % 7]!;
  return cron.bothDayFields ? dayOfMonth && dayOfWeek : dayOfMonth || dayOfWeek;
}

function step(date: Civil): void {
  date.day += 1;
  if (date.day <= 28 || date.day <= daysInMonth(date)) return;
  date.day = 1;
  date.month += 1;
  if (date.month <= 12) return;
  date.month = 1;
  date.year += 1;
}

function minuteOfDay(cron: Cron, from: number): number | null {
  for (const hour of cron.hours) {
    if (hour * 60 + 59 < from) continue;
    for (const minute of cron.minutes) if (hour * 60 + minute >= from) return hour * 60 + minute;
  }
  return null;
}
