import fc from 'fast-check';
import { Turns, type Turn } from './turns.js';

const placeMs = 250;

/** Writes by name; what is worked on is over when it is told to be. */
class Scene {
  readonly begun: string[] = [];
  private readonly held = new Map<string, Turn>();
  readonly turns: Turns;

  constructor(atOnce: number, waiting = 100) {
    this.turns = new Turns({ atOnce, waiting, placeMs });
  }

  send(...names: string[]): boolean[] {
    return names.map((name) => {
      const turn = this.turns.enter(name.charAt(0), () => this.begun.push(name));
      if (turn) this.held.set(name, turn);
      return turn !== null;
    });
  }

  over(...names: string[]): string[] {
    const before = this.begun.length;
    for (const name of names) this.held.get(name)?.over();
    return this.begun.slice(before);
  }
}

describe('writes that are worked on at once', () => {
  it('begin as they come while there are few', () => {
    const scene = new Scene(2);
    scene.send('a1', 'a2');
    expect(scene.begun).toEqual(['a1', 'a2']);
  });

  it('beyond that wait, and tenants take turns', () => {
    const scene = new Scene(1);
    scene.send('a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1');
    const order = ['a1', 'a2', 'b1', 'c1', 'a3', 'b2'];
    expect(order.flatMap((name) => scene.over(name))).toEqual(['a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  });

  it('are refused when too many of their tenant wait, and of no other', () => {
    const scene = new Scene(1, 2);
    expect(scene.send('a1', 'a2', 'a3', 'a4', 'b1')).toEqual([true, true, true, false, true]);
  });

  it('give up their place when whoever sent them goes, and count once however often they are over', () => {
    const scene = new Scene(1);
    scene.send('a1', 'a2', 'a3');
    expect(scene.over('a2', 'a2')).toEqual([]);
    expect(scene.over('a1', 'a1')).toEqual(['a3']);
    expect(scene.send('b1', 'b2')).toEqual([true, true]);
    expect(scene.over('a3')).toEqual(['b1']);
  });

  it('give their places to others when they take too long, once', () => {
    jest.useFakeTimers();
    try {
      const scene = new Scene(1);
      scene.send('a1', 'a2', 'b1');
      jest.advanceTimersByTime(placeMs - 1);
      expect(scene.begun).toEqual(['a1']);
      jest.advanceTimersByTime(1);
      expect(scene.begun).toEqual(['a1', 'a2']);
      expect(scene.over('a1')).toEqual([]);
      expect(scene.over('a2')).toEqual(['b1']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('are never more than that, leave no room unused, and let one of each other tenant pass at most', () => {
    interface Write {
      readonly tenant: string;
      turn: Turn | null;
      hasBegun: boolean;
      /** Tenants of which one began while this was the first of its own to wait. */
      readonly passedBy: string[];
    }
    const act = fc.record({ tenant: fc.constantFrom('a', 'b', 'c'), isOver: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(act, { maxLength: 100 }), (atOnce, acts) => {
        const turns = new Turns({ atOnce, waiting: 100, placeMs });
        const live: Write[] = [];
        const begin = (write: Write): void => {
          write.hasBegun = true;
          const waiting = live.filter((other) => !other.hasBegun && other.tenant !== write.tenant);
          const firsts = waiting.filter(
            (one, i) => waiting.findIndex(({ tenant }) => tenant === one.tenant) === i,
          );
          for (const first of firsts) first.passedBy.push(write.tenant);
        };
        for (const { tenant, isOver, which } of acts) {
          if (isOver && live.length > 0) live.splice(which % live.length, 1)[0]?.turn?.over();
          else {
            const write: Write = { tenant, turn: null, hasBegun: false, passedBy: [] };
            write.turn = turns.enter(tenant, () => begin(write));
            live.push(write);
          }
          expect(live.filter(({ hasBegun }) => hasBegun)).toHaveLength(Math.min(atOnce, live.length));
          for (const { passedBy } of live) expect(new Set(passedBy).size).toBe(passedBy.length);
        }
      }),
    );
  });
});
