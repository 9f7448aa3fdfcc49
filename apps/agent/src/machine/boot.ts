import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** Another id means another boot: nothing that an older journal names runs any more. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    // Not Linux: the time of boot, coarse enough that clock steps of a few seconds do not change it.
    return `boot-${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
  }
}
