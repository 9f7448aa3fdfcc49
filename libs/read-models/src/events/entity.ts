import { type ContextName } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';

/** The log as a time series, for questions by entity and by time. */
@Entity('events')
export class EventEntity {
  @Key() context: ContextName;
  @Key('whole') partition: number;
  @Key('whole') offset: number;
  @Of('text') tenant_id: string;
  @Of('text') id: string;
  @Of('text') type: string;
  @Of('whole') version: number;
  @Of('time') time: string;
  @Of('text') subject: string;
  @MaybeOf('text') task_id: string | null;
  @MaybeOf('text') state_id: string | null;
  @MaybeOf('text') agent_id: string | null;
  @Of('text') actor: string;
  @MaybeOf('text') reason: string | null;
  @MaybeOf('text') command_id: string | null;
  @Of('text') causation_id: string;
  @Of('text') correlation_id: string;
  @Of('text') hash: string;
  @Of('json') data: Record<string, unknown>;
}
