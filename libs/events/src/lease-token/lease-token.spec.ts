import { signLease, verifyLease, type LeaseClaim } from './index.js';

const key = 'k'.repeat(32);
const claim: LeaseClaim = {
  tenant_id: 'ten_1',
  agent_id: 'agt_1',
  task_id: 'tsk_1',
  life: 1,
  attempt: 2,
  expires_at_ms: 1000,
};

describe('lease tokens', () => {
  it('are verified by whoever has the key, until they expire', () => {
    const token = signLease(claim, key);
    expect(verifyLease(token, key, 999)).toEqual({ kind: 'valid', claim });
    expect(verifyLease(token, key, 1000)).toEqual({ kind: 'expired' });
  });

  it('are the same for the same claim', () => {
    const reordered = Object.fromEntries(Object.entries(claim).reverse()) as unknown as LeaseClaim;
    expect(signLease(reordered, key)).toBe(signLease(claim, key));
  });

  it('are refused when any character is another', () => {
    const token = signLease(claim, key);
    for (let at = 0; at < token.length; at++) {
      // `A` differs from `E` in the upper bits of the sextet, so also the last one's padding cannot hide it.
      const other = token[at] === 'A' ? 'E' : 'A';
      const changed = token.slice(0, at) + other + token.slice(at + 1);
      if (
        Buffer.from(changed.split('.')[1] ?? '', 'base64url').equals(macBytes(token)) &&
        at > token.indexOf('.')
      )
        continue;
      expect(verifyLease(changed, key, 0).kind).not.toBe('valid');
    }
  });

  it.each(['', '.', 'a', 'a.b.c'])('are refused when malformed: %p', (token) => {
    expect(verifyLease(token, key, 0)).toEqual({ kind: 'malformed' });
  });

  it('are not looked at when they are far too long', () => {
    expect(verifyLease(`${'x'.repeat(3000)}.y`, key, 0)).toEqual({ kind: 'malformed' });
  });

  it('are refused with another key, and when signed for something else', () => {
    expect(verifyLease(signLease(claim, 'o'.repeat(32)), key, 0)).toEqual({ kind: 'forged' });
    expect(verifyLease(signLease({ ...claim, life: 0 }, key), key, 0)).toEqual({ kind: 'malformed' });
  });
});

function macBytes(token: string): Buffer {
  return Buffer.from(token.split('.')[1] ?? '', 'base64url');
}
