import fc from 'fast-check';
import { type Listed } from './stored-snapshot.js';
import { historyBounds, recordsBetween, surplus, type HistoryBounds } from './thinning.js';

const shape = 's';
const roomy: HistoryBounds = { ...historyBounds, bytes: Infinity };

function one(next: number, over: Partial<Listed> = {}): Listed {
  return { next, shape, checksum: '', foreignNext: 0, bytes: 1, ...over };
}

interface Step {
  readonly own: number;
  readonly foreign: number;
  readonly bytes: number;
}

/** What is left in a store to which these were added one after the other, each followed by a thinning. */
function storeAfter(steps: readonly Step[], bounds: HistoryBounds, each: (listed: Listed[]) => void): void {
  let listed: Listed[] = [];
  let [next, foreignNext] = [0, 0];
  for (const { own, foreign, bytes } of steps) {
    next += own;
    foreignNext += foreign;
    listed = [one(next, { foreignNext, bytes }), ...listed];
    const gone = new Set(surplus(listed, shape, bounds));
    listed = listed.filter((each) => !gone.has(each));
    each(listed);
  }
}

const gapsOf = (listed: readonly Listed[]) =>
  listed.slice(1).map((older, i) => ({ records: recordsBetween(listed[i]!, older), newer: listed[i]! }));

/** As a keeper makes them: 50,000 records apart and a little, or less after a quiet time. */
const steps = fc.array(
  fc.record({
    own: fc.integer({ min: 1, max: 40_000 }),
    foreign: fc.integer({ min: 0, max: 40_000 }),
    bytes: fc.integer({ min: 1, max: 100 }),
  }),
  { minLength: 50, maxLength: 400 },
);

describe('what is kept of older snapshots', () => {
  it('leaves no time up to the horizon out of reach, and the newest two are always kept', () => {
    fc.assert(
      fc.property(steps, (made) => {
        let first: Listed | undefined;
        let before: Listed | undefined;
        storeAfter(made, roomy, (listed) => {
          const newest = listed[0]!;
          first ??= newest;
          expect(listed.slice(1, 2)).toEqual(before ? [before] : []);
          before = newest;
          expect(listed.length).toBeLessThanOrEqual(roomy.most);
          const near = gapsOf(listed).filter(
            ({ newer }) => recordsBetween(newest, newer) <= roomy.horizonRecords,
          );
          expect(near.every(({ records }) => records <= roomy.reachRecords)).toBe(true);
          // The oldest goes only when there is no place for it, and then the horizon lies before it.
          if (!listed.includes(first))
            expect(recordsBetween(newest, listed.at(-1)!)).toBeGreaterThan(roomy.horizonRecords);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('is dense for the near past and thin for the far one', () => {
    const made = Array.from({ length: 2_000 }, () => ({ own: 10_000, foreign: 0, bytes: 1 }));
    let last: Listed[] = [];
    storeAfter(made, roomy, (listed) => (last = listed));
    const newest = last[0]!;
    const within = (from: number, to: number) =>
      last.filter((each) => {
        const distance = recordsBetween(newest, each);
        return distance >= from && distance < to;
      }).length;
    expect(within(0, 200_000)).toBeGreaterThanOrEqual(6);
    expect(within(200_000, 2_000_000)).toBeGreaterThanOrEqual(17);
    expect(within(200_000, 2_000_000)).toBeLessThanOrEqual(36);
    expect(within(10_000_000, 20_000_000)).toBeLessThanOrEqual(4);
    expect(last.at(-1)!.next).toBe(10_000);
  });

  it('keeps to its number and its bytes, though every state is large', () => {
    const tight = { ...historyBounds, most: 12, bytes: 500 };
    fc.assert(
      fc.property(steps, (made) => {
        storeAfter(made, tight, (listed) => {
          expect(listed.length).toBeLessThanOrEqual(tight.most);
          const older = listed.slice(tight.always).reduce((sum, { bytes }) => sum + bytes, 0);
          expect(older).toBeLessThanOrEqual(tight.bytes);
          // What there is room for is the recent past, without a hole in it.
          const near = gapsOf(listed).filter(
            ({ newer }) => recordsBetween(listed[0]!, newer) <= tight.horizonRecords,
          );
          expect(near.every(({ records }) => records <= tight.reachRecords)).toBe(true);
        });
      }),
      { numRuns: 50 },
    );
    const huge = [3, 2, 1].map((next) => one(next * 90_000, { bytes: 501 }));
    expect(surplus(huge, shape, tight)).toEqual([huge[2]]);
    expect(surplus(huge, shape, { ...tight, bytes: 0 })).toEqual([huge[2]]);
  });

  it('is of one shape, and of all others the newest', () => {
    const listed = [one(90, { shape: 'b' }), one(80, { shape: 'a' }), one(7), one(5, { shape: 'a' })];
    expect(surplus(listed, shape, roomy)).toEqual([listed[1], listed[3]]);
    expect(surplus(listed, 'a', roomy)).toEqual([listed[2]]);
    expect(surplus([], shape, roomy)).toEqual([]);
  });

  it('goes by the own log where it is not told what is covered of the other', () => {
    expect(recordsBetween(one(10, { foreignNext: 1_000 }), one(4, { foreignNext: null }))).toBe(6);
    expect(recordsBetween(one(10, { foreignNext: 1_000 }), one(4, { foreignNext: 900 }))).toBe(106);
    const old = Array.from({ length: 4 }, (_, i) => one(400 - i * 50, { foreignNext: null }));
    expect(surplus([one(500, { foreignNext: 9_000_000 }), ...old], shape, roomy)).toEqual([old[1], old[2]]);
  });
});
