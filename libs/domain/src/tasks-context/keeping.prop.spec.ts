import fc from 'fast-check';
import { Fleet, lasts } from './fleet.fixture.js';

const agingMs = 5_000;
const longestMs = 20_000;
const short = fc.constantFrom(1_000, 2_000, 3_000);
const span = fc.oneof({ weight: 9, arbitrary: short }, { weight: 1, arbitrary: fc.constant(longestMs) });

const history = fc.record({
  slots: fc.array(fc.integer({ min: 2, max: 3 }), { minLength: 1, maxLength: 4 }),
  oneIn: fc.integer({ min: 1, max: 3 }),
  small: fc.array(span, { minLength: 1, maxLength: 20 }),
  large: fc.array(
    fc.record({
      slots: fc.integer({ min: 2, max: 3 }),
      cpu: fc.integer({ min: 1, max: 2 }),
      pin: fc.option(fc.nat(3), { nil: undefined }),
      ms: span,
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

describe('large tasks among small ones without end', () => {
  it('are leased one after the other, each by when what runs on its agent is over by its limits', () => {
    fc.assert(
      fc.property(history, ({ slots, oneIn, small, large }) => {
        const fleet = new Fleet(slots, oneIn, agingMs);
        const each = (n: number) => ({ ...lasts(small[n % small.length]!), priority: 1 });
        fleet.run(4, each);
        const wanted = large.flatMap((one, i) => {
          const agents = one.pin === undefined ? slots : slots.slice(one.pin, one.pin + 1);
          if (!agents.some((most) => most >= one.slots)) return [];
          const requests = { slots: one.slots, cpu_millis: one.cpu };
          const pinned = one.pin === undefined ? {} : { agent_id: `a${one.pin}` };
          fleet.queue(`big${i}`, { ...lasts(one.ms), priority: 1, requests, ...pinned });
          return [`big${i}`];
        });
        // While all is taken nothing passes it: it is found not to fit when a slot comes free, and that slot is given away.
        const eachMs = agingMs + 2 * longestMs + 2_000;
        fleet.run((2 * agingMs + wanted.length * eachMs) / 1_000, each);
        expect([...fleet.leasedAtMs.keys()]).toEqual(expect.arrayContaining(wanted));
      }),
      { numRuns: 60 },
    );
  });
});
