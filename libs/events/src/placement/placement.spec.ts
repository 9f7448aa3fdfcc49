import { planPlacement, type PlacementMember } from './index.js';

const member = (memberId: string, held: number[] = [], heldGeneration = 1): PlacementMember => ({
  memberId,
  held,
  heldGeneration,
});

const sizes = (plan: Map<string, number[]>) => [...plan.values()].map((p) => p.length).sort();

describe('placement', () => {
  it('gives everything to a single member', () => {
    expect(planPlacement([member('a')], 4)).toEqual(new Map([['a', [0, 1, 2, 3]]]));
  });

  it('covers every partition once, in shares that differ by at most one', () => {
    const plan = planPlacement([member('a'), member('b'), member('c')], 8);
    expect([...plan.values()].flat().sort((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(sizes(plan)).toEqual([2, 3, 3]);
  });

  it('moves only what the newcomer needs', () => {
    const plan = planPlacement([member('a', [0, 1, 2, 3]), member('b')], 4);
    expect(plan.get('a')).toEqual([0, 1]);
    expect(plan.get('b')).toEqual([2, 3]);
  });

  it('leaves the survivors theirs when one goes', () => {
    const plan = planPlacement([member('b', [2, 3]), member('c', [4, 5])], 6);
    expect(plan.get('b')).toEqual(expect.arrayContaining([2, 3]));
    expect(plan.get('c')).toEqual(expect.arrayContaining([4, 5]));
  });

  it('believes the later generation when two claim a partition', () => {
    const plan = planPlacement([member('a', [0, 1], 3), member('b', [1, 0], 4)], 2);
    expect(sizes(plan)).toEqual([1, 1]);
    expect(planPlacement([member('a', [0], 3), member('b', [0, 1], 4), member('c')], 3).get('b')).toEqual([
      0,
    ]);
  });

  it('gives members beyond the partition count nothing', () => {
    expect(sizes(planPlacement([member('a'), member('b'), member('c')], 2))).toEqual([0, 1, 1]);
  });

  it('ignores partitions that do not exist', () => {
    expect(planPlacement([member('a', [7, 1])], 2)).toEqual(new Map([['a', [0, 1]]]));
  });
});
