import { type Selector, type SelectorTerm } from '@fluxforge/events/catalogue';
import { isLabelKey, isLabelValue } from './label-syntax.js';

/**
 * Selectors as people write them. Terms are joined by commas and must all hold:
 *
 *     role=web   role==web   role!=web   zone in (a,b)   zone notin (a,b)   gpu   !gpu
 *
 * `*` alone is every agent. One pass over the text, no recursion and no regular expression over the whole.
 */

export const maxSelectorLength = 4096;
const maxTerms = 32;
const maxValues = 64;

/** What is wrong with a selector, and where in the text. */
export class BadSelector extends Error {
  constructor(message: string, at: number) {
    super(`${message} (at character ${at + 1})`);
    this.name = 'BadSelector';
  }
}

/** @throws BadSelector */
export function parseSelector(text: string): Selector {
  if (text.length > maxSelectorLength)
    throw new BadSelector(`longer than ${maxSelectorLength} characters`, 0);
  const scan = new Scanner(text);
  if (scan.takeIf('*')) {
    scan.expectEnd();
    return [];
  }
  const terms: SelectorTerm[] = [];
  do {
    if (terms.length === maxTerms) throw new BadSelector(`more than ${maxTerms} terms`, scan.at);
    terms.push(term(scan));
  } while (scan.takeIf(','));
  scan.expectEnd();
  return terms;
}

/** A plain object of labels: every one must be equal. @throws BadSelector */
export function selectorOfLabels(labels: Readonly<Record<string, unknown>>): Selector {
  const entries = Object.entries(labels);
  if (entries.length === 0) throw new BadSelector('empty; write "*" for every agent', 0);
  if (entries.length > maxTerms) throw new BadSelector(`more than ${maxTerms} labels`, 0);
  return entries.map(([key, value]) => {
    if (!isLabelKey(key)) throw new BadSelector(`${JSON.stringify(key.slice(0, 80))} is no label key`, 0);
    if (typeof value !== 'string' || !isLabelValue(value)) {
      throw new BadSelector(`the value of ${key} is no label value`, 0);
    }
    return { key, op: 'in', values: [value] };
  });
}

/** Of a value that was validated: a selector's text, or an object of labels. */
export function selectorOf(given: string | Readonly<Record<string, string>>): Selector {
  return typeof given === 'string' ? parseSelector(given) : selectorOfLabels(given);
}

function term(scan: Scanner): SelectorTerm {
  if (scan.takeIf('!')) return { key: scan.key(), op: 'not-exists', values: [] };
  const key = scan.key();
  if (scan.takeIf('!=')) return { key, op: 'not-in', values: [scan.value()] };
  if (scan.takeIf('==') || scan.takeIf('=')) return { key, op: 'in', values: [scan.value()] };
  if (scan.takeWordIf('notin')) return { key, op: 'not-in', values: list(scan) };
  if (scan.takeWordIf('in')) return { key, op: 'in', values: list(scan) };
  return { key, op: 'exists', values: [] };
}

function list(scan: Scanner): string[] {
  if (!scan.takeIf('(')) throw new BadSelector('expected (', scan.at);
  const values: string[] = [];
  do {
    if (values.length === maxValues) throw new BadSelector(`more than ${maxValues} values`, scan.at);
    values.push(scan.value());
  } while (scan.takeIf(','));
  if (!scan.takeIf(')')) throw new BadSelector('expected , or )', scan.at);
  return values;
}

class Scanner {
  at = 0;

  constructor(private readonly text: string) {}

  takeIf(token: string): boolean {
    this.skipBlanks();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** A keyword is one only where a word ends: `notin(` is, `india` is not. */
  takeWordIf(word: string): boolean {
    this.skipBlanks();
    const end = this.wordEnd();
    if (this.text.slice(this.at, end) !== word) return false;
    this.at = end;
    return true;
  }

  key(): string {
    const word = this.word();
    if (!isLabelKey(word.text)) throw new BadSelector(`${quote(word.text)} is no label key`, word.from);
    return word.text;
  }

  value(): string {
    const word = this.word();
    if (!isLabelValue(word.text)) throw new BadSelector(`${quote(word.text)} is no label value`, word.from);
    return word.text;
  }

  expectEnd(): void {
    this.skipBlanks();
    if (this.at < this.text.length)
      throw new BadSelector(`unexpected ${quote(this.text.slice(this.at))}`, this.at);
  }

  private word(): { text: string; from: number } {
    this.skipBlanks();
    const from = this.at;
    this.at = this.wordEnd();
    return { text: this.text.slice(from, this.at), from };
  }

  private wordEnd(): number {
    let end = this.at;
    while (end < this.text.length && !' \t,()=!*'.includes(this.text[end] ?? '')) end++;
    return end;
  }

  private skipBlanks(): void {
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at++;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
