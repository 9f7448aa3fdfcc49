import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const SEGMENT_NAME = /^journal-(\d{8})\.log$/;

export function segmentName(number: number): string {
  return `journal-${String(number).padStart(8, '0')}.log`;
}

/** Numbers of the segments in a folder, newest first. */
export async function listSegments(folder: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(folder)) {
    const match = SEGMENT_NAME.exec(name);
    if (match?.[1] !== undefined) numbers.push(Number(match[1]));
  }
  return numbers.sort((left, right) => right - left);
}

/**
 * Makes a segment of full size, zeros behind its content, and gives it its name only once all of it is
 * on disk. So a name means a whole segment, and later appends need no new space: an agent on a full disk
 * can still write how its commands ended.
 */
export async function createSegment(
  folder: string,
  number: number,
  content: Buffer,
  capacityBytes: number,
): Promise<FileHandle> {
  const draft = join(folder, `${segmentName(number)}.draft`);
  const handle = await open(draft, 'w+', 0o600);
  try {
    await handle.write(content, 0, content.length, 0);
    await writeZeros(handle, content.length, capacityBytes);
    await handle.sync();
    await rename(draft, join(folder, segmentName(number)));
    await syncFolder(folder);
    return handle;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(draft).catch(() => undefined);
    throw error;
  }
}

async function writeZeros(handle: FileHandle, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(256 * 1024);
  for (let at = from; at < to; at += zeros.length) {
    await handle.write(zeros, 0, Math.min(zeros.length, to - at), at);
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
