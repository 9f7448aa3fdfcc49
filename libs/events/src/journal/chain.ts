import { createHash, hash } from 'node:crypto';
import { hashedHeaders } from '@fluxforge/events/envelope';
import { type LogRecord } from '@fluxforge/events/log';

const separator = '\u0000';

/**
 * Hash of a record for the chain: its hashed headers in their fixed order, then its value. The record's
 * own `ff_prev` is among them, so that the hash stands for all of history before it. SHA-256, base64url.
 */
export function recordHash(record: LogRecord): string {
  let text = '';
  for (const name of hashedHeaders) {
    const value = record.headers[name];
    // A missing header and an empty one differ, and no value can run into the next name.
    text += value === undefined ? separator : `${value.length}:${value}${separator}`;
  }
  return hashOf(text, record.value);
}

/** Most records are small: put together in one place they are hashed in one call, at half the cost. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
const mostBytesPerUnit = 3;

function hashOf(text: string, value: Buffer | null): string {
  const valueBytes = value?.length ?? 0;
  if (text.length * mostBytesPerUnit + valueBytes > scratch.length) {
    const large = createHash('sha256').update(text);
    if (value !== null) large.update(value);
    return large.digest('base64url');
  }
  const textBytes = scratch.write(text, 0, 'utf8');
  value?.copy(scratch, textBytes);
  return hash('sha256', scratch.subarray(0, textBytes + valueBytes), 'base64url');
}
