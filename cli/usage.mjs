// How options are read. What cannot be meant is wrong usage, before anything is sent; ranges are the API's to know.
import { InvalidArgumentError, Option } from 'commander';
import { WrongUsage } from './failure.mjs';

export function wholeNumber(word) {
  const number = Number(word);
  if (!/^-?\d+$/.test(word) || !Number.isSafeInteger(number))
    throw new InvalidArgumentError('Give a whole number.');
  return number;
}

export function atLeastOne(word) {
  const number = wholeNumber(word);
  if (number < 1) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return number;
}

export const json = (what = 'the whole answer') =>
  new Option('-o, --output <form>', `json: ${what}`).choices(['json']);

/** Why, for the log. It travels as a header, which has no other characters than these. */
export const reason = () =>
  new Option('--reason <text>', 'why, for the log').argParser((text) => {
    if (!/^[ -~\u00a1-\u00ff]{1,512}$/.test(text))
      throw new InvalidArgumentError('Give one line of at most 512 Latin characters.');
    return text;
  });

export const because = (text) => (text === undefined ? {} : { headers: { 'fluxforge-reason': text } });

/** Without what was not said; undefined when nothing was. */
export function said(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

export function pairs(words, what = 'a label') {
  return Object.fromEntries(words.map((word) => pair(word, what)));
}

export function pair(word, what) {
  const at = word.indexOf('=');
  if (at < 1) throw new WrongUsage(`${what} is key=value, not ${word}`);
  return [word.slice(0, at), word.slice(at + 1)];
}
