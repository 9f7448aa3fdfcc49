import { createHash } from 'node:crypto';
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
  const hash = createHash('sha256').update(text);
  if (record.value !== null) hash.update(record.value);
  return hash.digest('base64url');
}
