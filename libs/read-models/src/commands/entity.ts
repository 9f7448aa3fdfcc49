import { type ContextName, type RefusalCode } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';

@Entity('commands')
export class CommandEntity {
  @Key() tenant_id: string;
  @Key() command_id: string;
  @Of('text') state: 'accepted' | 'rejected';
  @MaybeOf('text') code: RefusalCode | null;
  @Of('text') message: string;
  @MaybeOf('text') resource_id: string | null;
  @Of('text') event_type: string;
  @Of('text') context: ContextName;
  @Of('whole') partition: number;
  @Of('whole') offset: number;
  @Of('time') decided_at: string;
}
