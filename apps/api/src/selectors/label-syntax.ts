/**
 * Labels are short words: letters and digits, with dots, dashes and underscores (in keys also slashes) inside.
 * No blanks, quotes or controls, so that a label is safe in a selector, a shell word and a log line.
 */
const keyPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

export const maxLabelLength = 63;

export function isLabelKey(text: string): boolean {
  return text.length <= maxLabelLength && keyPattern.test(text);
}

export function isLabelValue(text: string): boolean {
  return text.length <= maxLabelLength && valuePattern.test(text);
}
