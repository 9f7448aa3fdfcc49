import fc from 'fast-check';
import { formatBudget } from '@fluxforge/domain/kernel';
import { parseBudget } from './index.js';

describe('budgets', () => {
  it.each([
    ['2', { count: 2 }],
    [2, { count: 2 }],
    [0, { count: 0 }],
    ['25%', { percent: 25 }],
    ['100%', { percent: 100 }],
  ])('%j is understood', (value, budget) => {
    expect(parseBudget(value)).toEqual(budget);
  });

  it.each([
    '',
    '%',
    '101%',
    '-1',
    '1.5',
    '2 ',
    ' 2',
    '1e3',
    1.5,
    -1,
    NaN,
    Infinity,
    1_000_001,
    null,
    true,
    [],
    {},
    '２',
  ])('%p is refused', (value) => {
    expect(parseBudget(value)).toBeNull();
  });

  it('are written so that they are read back the same', () => {
    const budgets = fc.oneof(
      fc.record({ count: fc.integer({ min: 0, max: 1_000_000 }) }),
      fc.record({ percent: fc.integer({ min: 0, max: 100 }) }),
    );
    fc.assert(fc.property(budgets, (budget) => expect(parseBudget(formatBudget(budget))).toEqual(budget)));
  });
});
