import { createHash, createHmac, randomBytes } from 'node:crypto';

/** Crockford's alphabet in lower case: no letters that are mistaken for one another. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export type IdPrefix = 'cmd' | 'sta' | 'tsk' | 'agt' | 'ten' | 'key' | 'jtk' | 'sch' | 'fan';

/** 48 bits of time, 80 of chance: unique, and near in an index when near in time. */
export function newId(prefix: IdPrefix, nowMs: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  draw(10).copy(bytes, 6);
  return `${prefix}_${base32(bytes)}`;
}

/** The same parts give the same id, on every server and after every crash. */
export function derivedId(prefix: IdPrefix, scope: string, name: string): string {
  const digest = createHmac('sha256', scope).update(name, 'utf8').digest();
  return `${prefix}_${base32(digest.subarray(0, 16))}`;
}

/** 160 bits, for what is shown once and kept only as its hash. */
export function newSecret(): string {
  return base32(draw(20));
}

/** Of a derived id: the owner keeps a few bytes of it; hexadecimal is what the log's schema wants. */
export function keyHashOf(id: string): string {
  return sha256Hex(id).slice(0, 32);
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

const poolBytes = 4096;
let pool = Buffer.alloc(0);

/** Asking the system costs far more than what an id needs, so it is asked for many at once; no byte is used twice. */
function draw(count: number): Buffer {
  if (pool.length < count) pool = randomBytes(poolBytes);
  const drawn = pool.subarray(0, count);
  pool = pool.subarray(count);
  return drawn;
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(held >>> bits) & 31];
    }
    held &= 255;
  }
  if (bits > 0) text += alphabet[(held << (5 - bits)) & 31];
  return text;
}
