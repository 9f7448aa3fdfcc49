import fc from 'fast-check';
import { formatToken, parseToken } from './index.js';

const tokens = fc.record({
  context: fc.constantFrom('tasks' as const, 'states' as const),
  partition: fc.integer({ min: 0, max: 1023 }),
  offset: fc.maxSafeNat(),
});

describe('tokens of writes', () => {
  it('are read back the same', () => {
    fc.assert(fc.property(tokens, (token) => expect(parseToken(formatToken(token))).toEqual(token)));
  });

  it('are safe in a URL', () => {
    fc.assert(fc.property(tokens, (token) => expect(formatToken(token)).toMatch(/^[A-Za-z0-9_-]+$/)));
  });

  it.each([
    '',
    'x',
    '1t0.0',
    Buffer.from('1x0.0').toString('base64url'),
    Buffer.from('1t0.-1').toString('base64url'),
    Buffer.from('1t0.00').toString('base64url'),
    Buffer.from('1t0.9007199254740993').toString('base64url'),
    'é',
    'A'.repeat(1000),
  ])('%j is none', (text) => expect(parseToken(text)).toBeNull());

  it('any text is a token or refused', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(() => parseToken(text)).not.toThrow()));
  });
});
