import { type Labels, type Selector, type SelectorTerm } from '@fluxforge/events/catalogue';

function has(labels: Labels, key: string): boolean {
  return Object.prototype.hasOwnProperty.call(labels, key);
}

function termHolds(term: SelectorTerm, labels: Labels): boolean {
  const present = has(labels, term.key);
  switch (term.op) {
    case 'in':
      return present && term.values.includes(labels[term.key]!);
    case 'not-in':
      return !present || !term.values.includes(labels[term.key]!);
    case 'exists':
      return present;
    case 'not-exists':
      return !present;
  }
}

/** Every term holds; no terms match everything. `not-in` holds where the label is absent. */
export function matchesSelector(selector: Selector, labels: Labels): boolean {
  for (const term of selector) if (!termHolds(term, labels)) return false;
  return true;
}

/** The labels of both, those of `strong` winning, keys in order: equal labels are equal bytes. */
export function mergeLabels(weak: Labels, strong: Labels): Labels {
  const merged: Labels = {};
  for (const key of [...new Set([...Object.keys(weak), ...Object.keys(strong)])].sort()) {
    merged[key] = has(strong, key) ? strong[key]! : weak[key]!;
  }
  return merged;
}

export function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) if (!has(b, key) || a[key] !== b[key]) return false;
  return true;
}

/** A text that is the same for selectors that say the same, whatever the order of terms and values. */
export function selectorText(selector: Selector): string {
  if (selector.length === 0) return '';
  const terms = selector.map((term) =>
    JSON.stringify([
      term.key,
      term.op,
      term.op === 'in' || term.op === 'not-in' ? [...term.values].sort() : [],
    ]),
  );
  return terms.sort().join('&');
}

/** As users write it. */
export function formatSelector(selector: Selector): string {
  if (selector.length === 0) return '*';
  return selector.map(formatTerm).join(',');
}

function formatTerm({ key, op, values }: SelectorTerm): string {
  switch (op) {
    case 'exists':
      return key;
    case 'not-exists':
      return `!${key}`;
    case 'in':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(',')})`;
    case 'not-in':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(',')})`;
  }
}
