import { storableJson, storableText } from './storable.js';

describe('storable', () => {
  it('leaves what Postgres can hold, pairs of surrogates included', () => {
    const text = 'plain "quoted" \\ back \n line é 漢 \u{1F600} \uFFFE';
    expect(storableText(text)).toBe(text);
    expect(JSON.parse(storableJson({ [text]: [text, 1, null] }))).toEqual({ [text]: [text, 1, null] });
  });

  it('replaces NUL and halves of pairs, in values and in names', () => {
    expect(storableText('a\u0000b\uD83D!\uDE00')).toBe('a\uFFFDb\uFFFD!\uFFFD');
    expect(JSON.parse(storableJson({ 'k\u0000': ['\uDC00', { deep: '\u0000' }] }))).toEqual({
      'k\uFFFD': ['\uFFFD', { deep: '\uFFFD' }],
    });
  });

  it('keeps text that only looks like an escape', () => {
    expect(JSON.parse(storableJson({ a: '\\u0000 \\ud800' }))).toEqual({ a: '\\u0000 \\ud800' });
  });
});
