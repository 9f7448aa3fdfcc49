import fc from 'fast-check';
import { Backlog } from './index.js';

const partition = 1;

describe('whose backlog it is', () => {
  it('holds back nobody while it is short', () => {
    const backlog = new Backlog(10);
    for (let offset = 0; offset < 9; offset++) backlog.wrote(partition, 'a', offset);
    expect(backlog.exceeds(partition, 'a', { covered: 0, lag: 0 }, 1)).toBe(false);
    backlog.wrote(partition, 'a', 9);
    expect(backlog.exceeds(partition, 'a', { covered: 0, lag: 0 }, 1)).toBe(true);
    expect(backlog.exceeds(partition, 'a', { covered: 1, lag: 0 }, 1)).toBe(false);
  });

  it('holds back who made it, not who has a little in it or nothing', () => {
    const backlog = new Backlog(10);
    for (let offset = 0; offset < 20; offset++) backlog.wrote(partition, 'flood', offset);
    backlog.wrote(partition, 'quiet', 20);
    const pulse = { covered: 2, lag: 0 };
    const exceeds = (tenantId: string) => backlog.exceeds(partition, tenantId, pulse, 1);
    expect([exceeds('flood'), exceeds('quiet'), exceeds('other')]).toEqual([true, false, false]);
  });

  it('goes by the lag that the owner tells when others made it', () => {
    const backlog = new Backlog(10);
    for (let offset = 100; offset < 105; offset++) backlog.wrote(partition, 'a', offset);
    expect(backlog.exceeds(partition, 'a', { covered: 100, lag: 50 }, 1)).toBe(false);
    expect(backlog.exceeds(partition, 'a', { covered: 100, lag: 50 }, 2)).toBe(true);
    expect(backlog.exceeds(2, 'a', { covered: 100, lag: 50 }, 2)).toBe(false);
  });

  it('lets twice its share through for what is asked with two, and not more', () => {
    const backlog = new Backlog(10);
    const exceeds = (shares: number) => backlog.exceeds(partition, 'a', { covered: 0, lag: 0 }, 1, shares);
    for (let offset = 0; offset < 19; offset++) backlog.wrote(partition, 'a', offset);
    expect([exceeds(1), exceeds(2)]).toEqual([true, false]);
    for (let offset = 19; offset < 1_000; offset++) backlog.wrote(partition, 'a', offset);
    expect([exceeds(1), exceeds(2)]).toEqual([true, true]);
  });

  it('counts each tenant as what it wrote and the owner has not covered', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ tenant: fc.constantFrom('a', 'b', 'c') }),
        fc.record({ covered: fc.integer({ min: 0, max: 60 }) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const backlog = new Backlog(30);
        const written: string[] = [];
        let covered = 0;
        for (const step of list) {
          if ('tenant' in step) {
            backlog.wrote(partition, step.tenant, written.length);
            written.push(step.tenant);
          } else covered = Math.max(covered, Math.min(step.covered, written.length));
        }
        const open = written.slice(covered);
        const tenants = new Set(open).size;
        for (const tenant of ['a', 'b', 'c']) {
          const own = open.filter((one) => one === tenant).length;
          const expected = open.length >= 30 && own >= Math.max(1, Math.floor(30 / tenants));
          expect(backlog.exceeds(partition, tenant, { covered, lag: 0 }, 1)).toBe(expected);
        }
      }),
    );
  });

  it('holds no more than twice the limit', () => {
    const backlog = new Backlog(5);
    for (let offset = 0; offset < 10_000; offset++) backlog.wrote(partition, 'a', offset);
    for (let offset = 10_000; offset < 10_010; offset++) backlog.wrote(partition, 'b', offset);
    const pulse = { covered: 0, lag: 0 };
    expect(backlog.exceeds(partition, 'a', pulse, 1)).toBe(false);
    expect(backlog.exceeds(partition, 'b', pulse, 1)).toBe(true);
  });
});
