import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';
import { type OutputRow } from './row.js';

/** Telemetry: pieces of output, as the `logs` topic had them. */
@Entity('output')
export class OutputEntity {
  @Key() tenant_id: string;
  @Key() task_id: string;
  @Key('whole') life: number;
  @Key('whole') attempt: number;
  @Key() stream: OutputRow['stream'];
  @Key('whole') seq: number;
  /** In the tenant's partition of the topic: the order of arrival, over both streams. */
  @Of('whole') arrival: number;
  @Of('time') at: string;
  @Of('text') agent_id: string;
  @Of('bytes') data: Buffer;
  @Of('whole') gap_bytes: number;
  @MaybeOf('json') eof: OutputRow['eof'];
}
