import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const SEGMENT_NAME = /^journal-(\d{8})\.log$/;
/**
 * Where one call both writes and makes durable, that is one trip to the thread pool instead of two, on the way
 * of every start. Not on macOS, whose O_DSYNC stops at the drive's cache; fdatasync there goes through it.
 */
const WRITES_ARE_DURABLE = process.platform === 'linux';
const APPEND_FLAGS = constants.O_RDWR | (WRITES_ARE_DURABLE ? constants.O_DSYNC : 0);

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
  const path = join(folder, segmentName(number));
  const draft = `${path}.draft`;
  let handle: FileHandle | undefined;
  try {
    await writeDraft(draft, content, capacityBytes);
    handle = await open(draft, APPEND_FLAGS);
    await rename(draft, path);
    await syncFolder(folder);
    return handle;
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await unlink(draft).catch(() => undefined);
    throw error;
  }
}

/** Resolves when the bytes are on disk. */
export async function writeDurably(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const result = await handle.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
  if (!WRITES_ARE_DURABLE) await handle.datasync();
}

async function writeDraft(path: string, content: Buffer, capacityBytes: number): Promise<void> {
  const handle = await open(path, 'w', 0o600);
  try {
    await handle.write(content, 0, content.length, 0);
    await writeZeros(handle, content.length, capacityBytes);
    await handle.sync();
  } finally {
    await handle.close();
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
