import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';

/**
 * Snapshots of partition hosts, in chunks. A snapshot is all chunks of one (context, partition, next, shape);
 * it counts only if every chunk is there and the checksum of their bytes, in order, is right.
 */
@Entity('snapshots')
export class SnapshotEntity {
  @Key() context: string;
  @Key('whole') partition: number;
  /** `next` of the position. */
  @Key('whole') next: number;
  /** Names the layout of the state that is inside; another one is not read. */
  @Key() shape: string;
  @Key('whole') chunk: number;
  @Of('whole') chunks: number;
  /** The whole position, in its text form. */
  @Of('text') position: string;
  /** Of the bytes of all chunks, in order. */
  @Of('text') checksum: string;
  /** How far the other context's log is covered; null in snapshots of before that was kept. */
  @MaybeOf('whole') covers_foreign: number | null;
  @Of('bytes') bytes: Buffer;
}
