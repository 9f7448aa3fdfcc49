import { mkdir, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MAX_KEPT = 8;

/** Keeps what did not verify, for a person to look at; the oldest of more than eight is deleted. */
export async function quarantine(
  folder: string,
  segment: string,
  bytes: Buffer,
  damagedFrom: number,
): Promise<void> {
  const room = join(folder, 'quarantine');
  try {
    await mkdir(room, { recursive: true, mode: 0o700 });
    await writeFile(join(room, `${segment}.from-${damagedFrom}`), trimZeros(bytes), { mode: 0o600 });
    const kept = (await readdir(room)).sort();
    for (const name of kept.slice(0, Math.max(0, kept.length - MAX_KEPT))) await unlink(join(room, name));
  } catch {
    // A full disk must not keep the agent from starting: what verified is used, the rest is lost.
  }
}

function trimZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}
