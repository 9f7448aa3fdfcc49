import { createHash } from 'node:crypto';
import { type ContextName } from '@fluxforge/events/catalogue';
import { formatPosition, parsePosition } from '@fluxforge/events/journal';
import { type Snapshot } from '@fluxforge/events/partition-host';

/** The partition of one context, whose state a snapshot is. */
export interface SnapshotOf {
  readonly context: ContextName;
  readonly partition: number;
}

/** What a store says of a snapshot without reading it. */
export interface Manifest {
  /** `next` of the position: of two snapshots, the one with the higher is the newer. */
  readonly next: number;
  /** Names the layout of the state inside. */
  readonly shape: string;
  /** SHA-256 of the payload, in hex. */
  readonly checksum: string;
  /** `next` of what is covered of the other context's log. Null: stored before that was told. */
  readonly foreignNext: number | null;
}

/** Of one that is in a store. */
export interface Listed extends Manifest {
  readonly bytes: number;
}

/** What is said of a snapshot when it is stored. */
export interface NewManifest extends Manifest {
  /** The whole position, in its text form, for whoever looks with bare eyes. */
  readonly position: string;
}

/** More than are ever kept, for when deleting has failed for a while. */
export const mostListed = 256;

/** Where snapshots are kept. Every call has a deadline of the store's own. */
export interface SnapshotStore {
  readonly name: 'postgres' | 'disk';
  /** What is there of all shapes, newest first; at most `mostListed`. */
  list(of: SnapshotOf): Promise<Listed[]>;
  /** The payload as it is stored: whether it is whole is for the reader to tell, by the checksum. */
  read(of: SnapshotOf, manifest: Manifest): Promise<Buffer>;
  /** False when one of its shape is there that is as new or newer: an older one never takes its place. */
  write(of: SnapshotOf, manifest: NewManifest, payload: Buffer): Promise<boolean>;
  /** Deletes these, if they are there, and what writers that crashed have left. */
  drop(of: SnapshotOf, dropped: readonly Manifest[]): Promise<void>;
  close(): Promise<void>;
}

interface Heading {
  readonly position: string;
  readonly commands: number;
  readonly foreign: string;
  readonly last_event_ms: number;
}

const newline = 10;

/** A snapshot as bytes: one line of JSON with the positions, then the state's own text. */
export function encodeSnapshot(
  snapshot: Snapshot,
  shape: string,
): { readonly manifest: NewManifest; readonly payload: Buffer } {
  const heading: Heading = {
    position: formatPosition(snapshot.position),
    commands: snapshot.commands,
    foreign: formatPosition(snapshot.foreign),
    last_event_ms: snapshot.lastEventMs,
  };
  const payload = Buffer.from(`${JSON.stringify(heading)}\n${snapshot.state}`);
  const { position } = heading;
  const { next } = snapshot.position;
  const foreignNext = snapshot.foreign.next;
  return { manifest: { next, shape, checksum: checksumOf(payload), foreignNext, position }, payload };
}

/** Null when the bytes are not those that the manifest speaks of. */
export function decodeSnapshot(manifest: Manifest, payload: Buffer): Snapshot | null {
  if (checksumOf(payload) !== manifest.checksum) return null;
  const end = payload.indexOf(newline);
  const heading = JSON.parse(payload.toString('utf8', 0, Math.max(0, end))) as Heading;
  const position = parsePosition(heading.position);
  const foreign = parsePosition(heading.foreign);
  if (!position || !foreign || position.next !== manifest.next) return null;
  return {
    position,
    commands: heading.commands,
    foreign,
    lastEventMs: heading.last_event_ms,
    state: payload.toString('utf8', end + 1),
  };
}

function checksumOf(payload: Buffer): string {
  return createHash('sha256').update(payload).digest('hex');
}
