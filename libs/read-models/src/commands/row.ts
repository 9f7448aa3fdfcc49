import { type ContextName, type RefusalCode } from '@fluxforge/events/catalogue';

/** The owner's answer to a command. Absent as long as no event of the command is projected. */
export interface CommandRow {
  readonly command_id: string;
  readonly state: 'accepted' | 'rejected';
  readonly code: RefusalCode | null;
  readonly message: string;
  readonly resource_id: string | null;
  /** The first event of the command. */
  readonly event_type: string;
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
  readonly decided_at: string;
}
