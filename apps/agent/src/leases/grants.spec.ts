import { Grants } from './grants.js';
import { fenceGraceMs, fenceMarginMs } from './timing.js';

const keys = [{ taskId: 't', life: 1, attempt: 1 }];

describe('grants', () => {
  it('count from when the answer was sent, not from when the grant came', () => {
    const grants = new Grants();
    grants.begin(0);
    grants.answered(1, 1000, keys);
    expect(grants.granted(1, 3000, 3500)).toEqual({ kind: 'extend', keys, deadlineMs: 4000 });
  });

  it('are refused when they are older than one duration, or answer nothing', () => {
    const grants = new Grants();
    grants.begin(0);
    grants.answered(1, 1000, keys);
    expect(grants.granted(1, 3000, 4000).kind).toBe('too_late');
    expect(grants.granted(2, 3000, 1001).kind).toBe('unknown_nonce');
  });

  it('are of one stream: a new greeting forgets the nonces of before', () => {
    const grants = new Grants();
    grants.answered(1, 1000, keys);
    grants.begin(2000);
    expect(grants.granted(1, 3000, 2001).kind).toBe('unknown_nonce');
  });

  it('give new leases their base: the inventory, then the latest granted answer', () => {
    const grants = new Grants();
    grants.begin(500);
    expect(grants.deadlineOfNewLease(3000)).toBe(3500);
    grants.answered(1, 1000, keys);
    grants.answered(2, 2000, keys);
    grants.granted(2, 3000, 2100);
    grants.granted(1, 3000, 2200);
    expect(grants.deadlineOfNewLease(3000)).toBe(5000);
  });

  it('remember a bounded number of answers', () => {
    const grants = new Grants();
    for (let nonce = 1; nonce <= 1000; nonce += 1) grants.answered(nonce, nonce, keys);
    expect(grants.granted(1, 1e9, 1000).kind).toBe('unknown_nonce');
    expect(grants.granted(1000, 1e9, 1000).kind).toBe('extend');
  });
});

describe('the fence', () => {
  it.each([300, 1000, 3000, 30_000, 600_000])('leaves time to kill within a lease of %d ms', (durationMs) => {
    const marginMs = fenceMarginMs(durationMs);
    expect(marginMs).toBeGreaterThan(0);
    expect(marginMs).toBeLessThanOrEqual(5000);
    expect(fenceGraceMs(marginMs, 60_000)).toBeLessThan(marginMs);
  });

  it('gives no grace to what is already over', () => {
    expect(fenceGraceMs(-50, 1000)).toBe(0);
  });
});
