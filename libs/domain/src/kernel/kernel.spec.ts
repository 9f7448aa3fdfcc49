import fc from 'fast-check';
import {
  clamp,
  drawFraction,
  Fifo,
  hashHex,
  matchesSelector,
  mergeLabels,
  PriorityQueue,
  sameLabels,
  selectorText,
} from './index.js';

describe('clamp', () => {
  it('holds a value between its bounds', () => {
    expect([clamp(-1, 0, 5), clamp(3, 0, 5), clamp(9, 0, 5)]).toEqual([0, 3, 5]);
  });
});

describe('drawing from a seed', () => {
  it('is frozen: another result would change what a replay decides', () => {
    expect(drawFraction('task-1:1:1')).toBe(0.5399360526353121);
    expect(hashHex('state-1/agent-1/1/1')).toBe('a380251c12dfa5f421786e7f5a4b1f50');
  });

  it('lies in [0, 1) and spreads evenly over near seeds', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(drawFraction(`agent-${i}`) * 10)]!++;
    for (const count of tenths) expect(count).toBeGreaterThan(800);
  });

  it('gives different ids to different texts', () => {
    const ids = new Set(Array.from({ length: 20_000 }, (_, i) => hashHex(`s-${i}`)));
    expect(ids.size).toBe(20_000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('priority queue', () => {
  it('behaves as a sorted list under any mix of insertions, moves and removals', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 20 }),
      rank: fc.integer({ min: 0, max: 5 }),
      act: fc.constantFrom('set', 'set', 'delete', 'pop'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new PriorityQueue<number>();
        const model = new Map<number, number>();
        const first = () => [...model].sort((a, b) => a[1] - b[1] || a[0] - b[0])[0]?.[0];
        for (const { key, rank, act } of steps) {
          if (act === 'set') {
            queue.set(key, rank, key);
            model.set(key, rank);
          } else if (act === 'delete') {
            expect(queue.delete(key)).toBe(model.delete(key));
          } else {
            const expected = first();
            expect(queue.pop()).toBe(expected);
            if (expected !== undefined) model.delete(expected);
          }
          expect(queue.peek()).toBe(first());
          expect(queue.size).toBe(model.size);
        }
      }),
    );
  });
});

describe('fifo', () => {
  it('gives back what went in, in order, across its compactions', () => {
    const fifo = new Fifo<number>();
    let out = 0;
    for (let i = 0; i < 10_000; i++) {
      fifo.push(i);
      if (i % 3 !== 0) expect(fifo.shift()).toBe(out++);
    }
    expect([...fifo].length).toBe(fifo.size);
    while (fifo.size > 0) expect(fifo.shift()).toBe(out++);
    expect(fifo.shift()).toBeUndefined();
    expect(out).toBe(10_000);
  });
});

describe('labels', () => {
  it.each([
    [[], {}, true],
    [[{ key: 'os', op: 'in', values: ['linux', 'bsd'] }], { os: 'bsd' }, true],
    [[{ key: 'os', op: 'in', values: ['linux'] }], {}, false],
    [[{ key: 'os', op: 'not-in', values: ['linux'] }], {}, true],
    [[{ key: 'os', op: 'not-in', values: ['linux'] }], { os: 'linux' }, false],
    [[{ key: 'gpu', op: 'exists', values: [] }], { gpu: '' }, true],
    [[{ key: 'gpu', op: 'not-exists', values: [] }], { gpu: '' }, false],
    [[{ key: 'constructor', op: 'exists', values: [] }], {}, false],
    [
      [
        { key: 'os', op: 'in', values: ['linux'] },
        { key: 'zone', op: 'in', values: ['a'] },
      ],
      { os: 'linux', zone: 'b' },
      false,
    ],
  ] as const)('%j on %j: %s', (selector, labels, expected) => {
    expect(matchesSelector(selector as never, labels)).toBe(expected);
  });

  it('merges with the strong side winning and keys in order', () => {
    const merged = mergeLabels({ z: 'own', env: 'own' }, { env: 'token', a: '1' });
    expect(JSON.stringify(merged)).toBe('{"a":"1","env":"token","z":"own"}');
    expect(sameLabels(merged, { z: 'own', env: 'token', a: '1' })).toBe(true);
    expect(sameLabels(merged, { z: 'own', env: 'token' })).toBe(false);
  });

  it('writes selectors of one meaning as one text', () => {
    const a = [
      { key: 'os', op: 'in' as const, values: ['b', 'a'] },
      { key: 'gpu', op: 'exists' as const, values: [] },
    ];
    expect(selectorText(a)).toBe(selectorText([a[1]!, { ...a[0]!, values: ['a', 'b'] }]));
    expect(selectorText(a)).not.toBe(selectorText([a[0]!]));
    expect(selectorText([])).toBe('');
  });
});
