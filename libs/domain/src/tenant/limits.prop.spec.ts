import fc from 'fast-check';
import {
  liftableLimits,
  type LiftableLimit,
  type Limits,
  type LimitsChange,
} from '@fluxforge/events/catalogue';
import { command, fact, limits, World } from '../tasks-context/scenario.fixture.js';

const names = ['max_queued_tasks', 'max_agents', 'max_states', ...liftableLimits.values] as const;
type Said = Partial<Record<keyof Limits, number | null>>;

/** As a client says it: a number for some, null for some that can be lifted. */
const said: fc.Arbitrary<Said> = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom(...names), fc.integer({ min: 1, max: 4 })),
      fc.tuple(fc.constantFrom(...liftableLimits.values), fc.constant(null)),
    ),
    { maxLength: 4 },
  )
  .map((pairs) => Object.fromEntries(pairs));

function changeOf(body: Said): LimitsChange {
  const unset = Object.keys(body).filter((name) => body[name as LiftableLimit] === null) as LiftableLimit[];
  const set = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  return { set, unset };
}

/** Of clients that know nothing of each other, as they land. */
const landed = fc.array(said, { maxLength: 20 });

function run(bodies: readonly Said[], only_lower: boolean) {
  const world = new World().given(fact.tenant());
  for (const body of bodies)
    world.input(command('tenant.set-limits', { change: changeOf(body), only_lower }));
  const set = world.log.filter((one) => one.type === 'tenant.limits-set');
  return {
    wholes: set.map(({ data }) => data.limits),
    end: world.state.realms.get('t')!.tenant.limits,
  };
}

describe('changes of limits', () => {
  it('in whatever order they land, each limit is as it was said last', () => {
    fc.assert(
      fc.property(landed, (bodies) => {
        const last = bodies.reduce<Said>((all, body) => ({ ...all, ...body }), limits);
        const expected = Object.fromEntries(Object.entries(last).filter(([, value]) => value !== null));
        const { end, wholes } = run(bodies, false);
        expect(end).toEqual(expected);
        // Each event says all of them, and no two in a row the same.
        for (const [i, whole] of wholes.entries()) expect(whole).not.toEqual(wholes[i - 1] ?? limits);
        expect(wholes.at(-1) ?? limits).toEqual(expected);
      }),
    );
  });

  it('that may only lower never let in more than before', () => {
    const allowed = ({ weight = 1, submissions_per_s: rate = Infinity, ...others }: Limits) =>
      names.map((name) => {
        if (name === 'weight') return weight;
        if (name === 'max_queued_bytes') return others.max_queued_bytes ?? 256 * 1024 * 1024;
        if (name === 'max_declared_bytes') return others.max_declared_bytes ?? 64 * 1024 * 1024;
        if (name === 'submissions_per_s') return rate;
        if (name === 'submission_burst') return others.submission_burst ?? rate;
        return others[name] ?? Infinity;
      });
    let lowered = 0;
    fc.assert(
      fc.property(landed, (bodies) => {
        let before = allowed(limits);
        for (const whole of run(bodies, true).wholes) {
          const now = allowed(whole);
          for (const [i, amount] of now.entries()) expect(amount).toBeLessThanOrEqual(before[i]!);
          before = now;
          lowered += 1;
        }
      }),
    );
    expect(lowered).toBeGreaterThan(20);
  });
});
