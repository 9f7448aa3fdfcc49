import { Entity } from 'typeorm';
import { Key, Of } from '../rows/columns.js';

/**
 * Where a projection stands in one partition: a journal position, not an offset alone. Written in the
 * transaction of the rows. Telemetry topics have no journal: only `next` means something there.
 */
@Entity('positions')
export class PositionEntity {
  @Key() projection: string;
  /** A context, or the name of a telemetry topic without its prefix. */
  @Key() context: string;
  @Key('whole') partition: number;
  @Of('whole') next: number;
  @Of('whole') epoch: number;
  @Of('whole') term: number;
  @Of('text') owner: string;
  @Of('whole') seq: number;
  @Of('text') hash: string;
  /** First offset of the context's commands that the rows do not cover yet. */
  @Of('whole') covers_commands: number;
}
