import fc from 'fast-check';
import { PriorityQueue } from './priority-queue.js';
import { SeatedHeap } from './seated-heap.js';

interface Guest {
  readonly rank: number;
  readonly tie: number;
  at: number;
}

class Guests extends SeatedHeap<Guest> {
  protected rankOf({ rank }: Guest): number {
    return rank;
  }
  protected tieOf({ tie }: Guest): number {
    return tie;
  }
  protected seatOf({ at }: Guest): number {
    return at;
  }
  protected seat(guest: Guest, at: number): void {
    guest.at = at;
  }
}

describe('a heap of things that know their place', () => {
  it('keeps the order of the queue that has a map beside it', () => {
    const ranks = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 60 });
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 200 });
    fc.assert(
      fc.property(ranks, steps, (drawn, acts) => {
        const guests = drawn.map((rank, tie): Guest => ({ rank, tie, at: -1 }));
        const heap = new Guests();
        const queue = new PriorityQueue<Guest>();
        for (const [isAdd, which] of acts) {
          const guest = guests[which % guests.length]!;
          if (isAdd) {
            heap.add(guest);
            queue.set(guest, guest.rank, guest.tie);
          } else expect(heap.delete(guest)).toBe(queue.delete(guest));
          expect(heap.size).toBe(queue.size);
          expect(heap.peek()).toBe(queue.peek());
          expect([heap.peekRank(), heap.peekTie()]).toEqual([queue.peekRank(), queue.peekTie()]);
        }
        while (heap.size > 0) {
          const first = heap.peek()!;
          expect(first).toBe(queue.pop());
          heap.delete(first);
          expect(first.at).toBe(-1);
        }
      }),
    );
  });
});
