import { hashHex } from '@fluxforge/domain/kernel';
import { KeyWindow, keyWindowMs } from './index.js';

const hourMs = 3_600_000;
const keyed = (key: number, body = 0) => ({
  key_hash: hashHex(`key ${key}`),
  body_hash: hashHex(`body ${body}`),
});

describe('the window of idempotency keys', () => {
  it('knows every key of many, with its body, and no other', () => {
    const keys = new KeyWindow();
    for (let i = 0; i < 20_000; i++) keys.add('t', keyed(i, i % 7), (i % 20) * hourMs);
    expect(keys.size).toBe(20_000);
    const found = { same_body: 0, other_body: 0, unknown: 0 };
    for (let i = 0; i < 20_000; i++) {
      found[keys.find('t', keyed(i, i % 7), 20 * hourMs)] += 1;
      found[keys.find('t', keyed(i, 8), 20 * hourMs)] += 1;
      found[keys.find('t', keyed(i + 20_000), 20 * hourMs)] += 1;
    }
    expect(found).toEqual({ same_body: 20_000, other_body: 20_000, unknown: 20_000 });
  });

  it('holds a key for a day at least and a day and an hour at most', () => {
    const keys = new KeyWindow();
    const atMs = 5 * hourMs + 1_234_567;
    keys.add('t', keyed(1), atMs);
    expect(keys.find('t', keyed(1), atMs + keyWindowMs)).toBe('same_body');
    expect(keys.find('t', keyed(1), atMs + keyWindowMs + hourMs)).toBe('unknown');
  });

  it('gives back the memory of hours that are over', () => {
    const keys = new KeyWindow();
    for (let hour = 0; hour < 100; hour++)
      for (let i = 0; i < 10; i++) keys.add('t', keyed(i), hour * hourMs);
    expect(keys.size).toBe(250);
  });

  it('keeps tenants apart', () => {
    const keys = new KeyWindow();
    keys.add('t', keyed(1), 0);
    expect(keys.find('u', keyed(1), 0)).toBe('unknown');
  });

  it('comes out of a snapshot as it went in, whatever the order of insertion', () => {
    const forward = new KeyWindow();
    const backward = new KeyWindow();
    for (let i = 0; i < 500; i++) forward.add('t', keyed(i), 0);
    for (let i = 499; i >= 0; i--) backward.add('t', keyed(i), 0);
    expect(backward.toJson()).toEqual(forward.toJson());
    const restored = KeyWindow.fromJson(forward.toJson());
    expect(restored.toJson()).toEqual(forward.toJson());
    expect(restored.find('t', keyed(77), 0)).toBe('same_body');
  });

  it('holds a key whose hash is all zero', () => {
    const keys = new KeyWindow();
    const zero = { key_hash: '0'.repeat(64), body_hash: '0'.repeat(64) };
    keys.add('t', zero, 0);
    expect(keys.find('t', zero, 0)).toBe('same_body');
  });
});
