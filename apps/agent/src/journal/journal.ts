import { type FileHandle, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type JournalEntry,
  type JournalState,
  applyEntry,
  decodeEntry,
  emptyState,
  encodeEntry,
  snapshotEntries,
} from './entries.js';
import { isErrno } from '../machine/index.js';
import { quarantine } from './quarantine.js';
import { encodeRecord, scanRecords } from './record.js';
import { createSegment, listSegments, segmentName, writeDurably } from './segment.js';

export interface JournalSettings {
  folder: string;
  segmentBytes: number;
  /** Kept free for the ends of commands that already run: below it no new lease is accepted. */
  reserveBytes: number;
  /** Leases and unacknowledged reports together. */
  maxHeld: number;
}

export interface Recovered {
  journal: Journal;
  /** A part of the former journal did not verify and was set aside. */
  damaged: boolean;
}

const ROTATION_RETRY_MS = 1000;

interface Segment {
  number: number;
  handle: FileHandle;
  offset: number;
  capacityBytes: number;
}

interface Waiter {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * The agent's memory. `append` changes the state at once and queues the record; `commit` resolves when
 * everything appended so far is on disk (one durable write for all who wait: group commit).
 *
 * There is one live segment. When it is nearly full, or when the agent starts, the state itself is
 * written as the beginning of the next one, and the old one is deleted: size and start time depend on
 * what is held, not on history.
 */
export class Journal {
  private queued: Buffer[] = [];
  private waiters: Waiter[] = [];
  private isFlushing = false;
  private failure: unknown;
  private closed = false;
  private retryRotationAtMs = 0;

  private constructor(
    private readonly settings: JournalSettings,
    readonly state: JournalState,
    private segment: Segment,
  ) {}

  static async open(settings: JournalSettings): Promise<Recovered> {
    const { state, newest, damaged } = await recover(settings.folder);
    const segment = await writeSnapshot(settings, state, newest + 1);
    const journal = new Journal(settings, state, segment);
    await removeOlder(settings.folder, segment.number);
    return { journal, damaged };
  }

  append(entry: JournalEntry): void {
    if (this.closed) throw new Error('the journal is closed');
    this.queued.push(encodeRecord(encodeEntry(entry)));
    applyEntry(this.state, entry);
  }

  commit(): Promise<void> {
    if (this.queued.length === 0 && !this.isFlushing) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      this.startFlush();
    });
  }

  /** Whether one more lease can be taken on, with room left to say how it and all others ended. */
  hasRoom(): boolean {
    return this.failure === undefined && !this.isLow() && this.state.held.size < this.settings.maxHeld;
  }

  /** To be called now and then: after a failure, or with too little room, tries for a new segment. */
  async mend(): Promise<void> {
    if (this.closed || (this.failure === undefined && !this.isLow())) return;
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      this.startFlush();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.commit().catch(() => undefined);
    await this.segment.handle.close();
  }

  private isLow(): boolean {
    return this.segment.capacityBytes - this.segment.offset < this.settings.reserveBytes;
  }

  private startFlush(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    void this.flushAll();
  }

  private async flushAll(): Promise<void> {
    while (this.waiters.length > 0) {
      const batch = Buffer.concat(this.queued);
      const waiters = this.waiters;
      this.queued = [];
      this.waiters = [];
      try {
        await this.write(batch);
        this.failure = undefined;
        for (const { resolve } of waiters) resolve();
      } catch (error) {
        // Nothing is lost: the state in memory has it, and the next success is a fresh snapshot of it.
        this.failure = error;
        for (const { reject } of waiters) reject(error);
      }
    }
    // In the same turn as the look at the waiters: one who comes between would wait for nobody.
    this.isFlushing = false;
  }

  private async write(batch: Buffer): Promise<void> {
    const fits = this.segment.offset + batch.length <= this.segment.capacityBytes;
    if (this.failure === undefined && fits) {
      const { handle, offset } = this.segment;
      await writeDurably(handle, batch, offset);
      this.segment.offset = offset + batch.length;
    }
    if (this.failure !== undefined || !fits || this.isLow()) await this.rotate(fits);
  }

  /** The state already holds every queued entry, so a snapshot of it commits them too. */
  private async rotate(mayWait: boolean): Promise<void> {
    if (mayWait && this.failure === undefined && performance.now() < this.retryRotationAtMs) return;
    // Taken now, not after the write: what is appended meanwhile is not in the snapshot.
    const covered = this.queued;
    this.queued = [];
    try {
      const next = await writeSnapshot(this.settings, this.state, this.segment.number + 1);
      const old = this.segment;
      this.segment = next;
      await old.handle.close();
      await removeOlder(this.settings.folder, next.number);
    } catch (error) {
      this.queued = [...covered, ...this.queued];
      this.retryRotationAtMs = performance.now() + ROTATION_RETRY_MS;
      // A full disk: as long as the reserve of the present segment lasts, ends are still recorded.
      if (!mayWait || this.failure !== undefined) throw error;
    }
  }
}

async function writeSnapshot(
  settings: JournalSettings,
  state: JournalState,
  number: number,
): Promise<Segment> {
  const content = Buffer.concat(snapshotEntries(state).map((entry) => encodeRecord(encodeEntry(entry))));
  // A snapshot that nearly fills its segment would be followed by another one at once.
  const capacityBytes = Math.max(settings.segmentBytes, 2 * content.length + 2 * settings.reserveBytes);
  const handle = await createSegment(settings.folder, number, content, capacityBytes);
  return { number, handle, offset: content.length, capacityBytes };
}

async function removeOlder(folder: string, keep: number): Promise<void> {
  for (const number of await listSegments(folder)) {
    if (number < keep) await unlink(join(folder, segmentName(number)));
  }
}

interface FoldedSegment {
  /** Undefined: not even its beginning verifies. */
  state: JournalState | undefined;
  damaged: boolean;
  endOffset: number;
}

/** Pure: what a segment says, as far as every byte of it verifies. */
export function foldSegment(bytes: Buffer): FoldedSegment {
  const { payloads, damaged, endOffset } = scanRecords(bytes);
  const entries = payloads.map(decodeEntry);
  if (entries[0]?.t !== 'head') return { state: undefined, damaged: true, endOffset };
  const state = emptyState();
  for (const entry of entries) if (entry !== undefined) applyEntry(state, entry);
  return { state, damaged: damaged || entries.includes(undefined), endOffset };
}

/**
 * Looks without touching, also while the agent runs: then a half-written last record may count as damage.
 * Undefined: there is no journal.
 */
export async function inspectJournal(
  folder: string,
): Promise<{ state: JournalState; damaged: boolean } | undefined> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const [newest] = await listSegments(folder);
    if (newest === undefined) return undefined;
    try {
      const { state, damaged } = foldSegment(await readFile(join(folder, segmentName(newest))));
      return { state: state ?? emptyState(), damaged };
    } catch (error) {
      // The agent has just gone on to its next segment.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  }
  return undefined;
}

/** Newest segment that begins with a whole head; what is damaged is set aside, never guessed at. */
async function recover(folder: string): Promise<{ state: JournalState; newest: number; damaged: boolean }> {
  const numbers = await listSegments(folder);
  const newest = numbers[0] ?? 0;
  let anyDamaged = false;
  for (const number of numbers) {
    const bytes = await readFile(join(folder, segmentName(number)));
    const { state, damaged, endOffset } = foldSegment(bytes);
    if (damaged) await quarantine(folder, segmentName(number), bytes, endOffset);
    anyDamaged ||= damaged;
    if (state !== undefined) return { state, newest, damaged: anyDamaged };
  }
  return { state: emptyState(), newest, damaged: anyDamaged };
}
