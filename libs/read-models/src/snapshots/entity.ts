import { Entity } from 'typeorm';
import { Key, Of } from '../rows/columns.js';

/**
 * Snapshots of partition hosts, in chunks. A snapshot is all chunks of one (context, partition, next);
 * it counts only if every chunk is there and the checksum of their bytes, in order, is right.
 */
@Entity('snapshots')
export class SnapshotEntity {
  @Key() context: string;
  @Key('whole') partition: number;
  /** `next` of the position. */
  @Key('whole') next: number;
  @Key('whole') chunk: number;
  @Of('whole') chunks: number;
  /** The whole position, in its text form. */
  @Of('text') position: string;
  /** Names the layout of the state that is inside; another one is not read. */
  @Of('text') shape: string;
  /** Of the bytes of all chunks, in order. */
  @Of('text') checksum: string;
  @Of('bytes') bytes: Buffer;
}
