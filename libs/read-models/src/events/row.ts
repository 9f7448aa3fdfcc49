import { type ContextName } from '@fluxforge/events/catalogue';
import { type PageRequest } from '../queries/common.js';

/** One accepted event, as the log holds it. `data` comes without the hashes of secrets. */
export interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly context: ContextName;
  readonly partition: number;
  readonly offset: number;
  readonly time: string;
  readonly subject: string;
  readonly task_id: string | null;
  readonly state_id: string | null;
  readonly agent_id: string | null;
  readonly actor: string;
  readonly reason: string | null;
  readonly command_id: string | null;
  readonly causation_id: string;
  readonly correlation_id: string;
  /** Of the record, for the chain. */
  readonly hash: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EntityRef {
  readonly kind: 'task' | 'state' | 'agent';
  readonly id: string;
}

/** Newest last, or first with `descending`. */
export interface EventFilter extends PageRequest {
  readonly type?: string;
  readonly correlation_id?: string;
  readonly since?: string;
  readonly until?: string;
  readonly descending?: boolean;
}
