import { Turns } from '@fluxforge/events/owner-questions';
import { inSlices } from './in-slices.js';

describe('what is done in slices', () => {
  it('lets others have their turn in between, and comes to its end', async () => {
    let nowMs = 0;
    const order: string[] = [];
    function* steps(): Generator<void, string> {
      for (let i = 0; i < 12; i++) {
        order.push(`step ${i}`);
        nowMs += 1;
        yield;
      }
      return 'end';
    }
    // A clock of its own, by which nothing takes any time: rests are not what is looked at here.
    const slices = new Turns(10, () => 0);
    const made = inSlices(steps(), { nowMs: () => nowMs, slices });
    const other = slices.take(async () => order.push('other'));
    await expect(made).resolves.toBe('end');
    await other;
    expect(order.indexOf('other')).toBe(5);
    expect(order).toHaveLength(13);
  });
});
