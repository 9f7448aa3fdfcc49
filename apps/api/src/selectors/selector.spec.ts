import fc from 'fast-check';
import { type Selector } from '@fluxforge/events/catalogue';
import { formatSelector } from '@fluxforge/domain/kernel';
import { BadSelector, isLabelKey, isLabelValue, parseSelector, selectorOfLabels } from './index.js';

describe('selectors', () => {
  it('reads every form of a term', () => {
    expect(parseSelector('role=web, zone in (a,b),!gpu,region notin (x), disk, os==linux,env!=prod')).toEqual(
      [
        { key: 'role', op: 'in', values: ['web'] },
        { key: 'zone', op: 'in', values: ['a', 'b'] },
        { key: 'gpu', op: 'not-exists', values: [] },
        { key: 'region', op: 'not-in', values: ['x'] },
        { key: 'disk', op: 'exists', values: [] },
        { key: 'os', op: 'in', values: ['linux'] },
        { key: 'env', op: 'not-in', values: ['prod'] },
      ],
    );
  });

  it('takes words that begin like keywords as words, and an empty value as a value', () => {
    expect(parseSelector('india,notinside=in,in in (in)')).toEqual([
      { key: 'india', op: 'exists', values: [] },
      { key: 'notinside', op: 'in', values: ['in'] },
      { key: 'in', op: 'in', values: ['in'] },
    ]);
    expect(parseSelector('role=')).toEqual([{ key: 'role', op: 'in', values: [''] }]);
  });

  it('reads * as every agent', () => {
    expect(parseSelector(' * ')).toEqual([]);
  });

  it.each([
    '',
    ' ',
    ',',
    'a,',
    'a,,b',
    '=web',
    'role=a b',
    'role in a',
    'role in (a',
    'role in a)',
    'role in ()x',
    '*,a',
    'a*',
    '!',
    '!!a',
    'a=b=c',
    'role="web"',
    'rol\u0000e',
    '-a',
    'a-',
    '(((((',
    'a in ((b))',
    'é=1',
    'a\nb',
    `${'k'.repeat(64)}=1`,
    `a=${'v'.repeat(64)}`,
    `a in (${Array(65).fill('x').join()})`,
    Array(33).fill('a').join(),
  ])('refuses %j and says where', (text) => {
    expect(() => parseSelector(text)).toThrow(BadSelector);
    expect(() => parseSelector(text)).toThrow(/at character \d+/);
  });

  it('takes a plain object of labels', () => {
    expect(selectorOfLabels({ role: 'web', zone: 'a' })).toEqual(parseSelector('role=web,zone=a'));
    for (const bad of [{}, { role: 1 }, { 'a b': 'c' }, { a: 'b c' }]) {
      expect(() => selectorOfLabels(bad)).toThrow(BadSelector);
    }
  });

  it('are written so that they are read back the same', () => {
    const word = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?$/);
    const term = fc.oneof(
      fc.record({
        key: word,
        op: fc.constant('in' as const),
        values: fc.array(word, { minLength: 1, maxLength: 5 }),
      }),
      fc.record({
        key: word,
        op: fc.constant('not-in' as const),
        values: fc.array(word, { minLength: 1, maxLength: 5 }),
      }),
      fc.record({
        key: word,
        op: fc.constantFrom('exists' as const, 'not-exists' as const),
        values: fc.constant<string[]>([]),
      }),
    );
    fc.assert(
      fc.property(fc.array(term, { maxLength: 32 }), (terms: Selector) => {
        expect(parseSelector(formatSelector(terms))).toEqual(terms);
      }),
    );
  });

  it('answers any text with terms of valid labels, or refuses it, and never anything else', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[ab!=,() *in]{0,60}$/));
    fc.assert(
      fc.property(text, (input) => {
        try {
          for (const { key, values } of parseSelector(input)) {
            expect(isLabelKey(key) && values.every(isLabelValue)).toBe(true);
          }
        } catch (error: unknown) {
          expect(error).toBeInstanceOf(BadSelector);
        }
      }),
    );
  });

  it('stays linear on hostile text', () => {
    const startedAt = performance.now();
    for (const hostile of [
      '('.repeat(4096),
      'a,'.repeat(2048),
      ' '.repeat(4096),
      'a in ('.repeat(682),
      `${'a'.repeat(4095)}!`,
    ]) {
      expect(() => parseSelector(hostile)).toThrow(BadSelector);
    }
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
