import { type StoredRecord } from '@fluxforge/events/log';
import { type JournalRequest, type Position } from '@fluxforge/events/journal';

/** The durable inputs of a host: its commands, and the other context's events. */
export type Source = 'commands' | 'foreign';

/** An effect with the place of the event that justifies it, or null for one of the moment. */
export interface Justified<Effect> {
  readonly effect: Effect;
  readonly offset: number | null;
}

/** A fold of the log up to two positions, made by a follower. `state` is what the context's `serialize` gave. */
export interface Snapshot {
  readonly position: Position;
  readonly commands: number;
  readonly foreign: Position;
  readonly lastEventMs: number;
  readonly state: string;
}

/** What a host wants done. The runner does it and answers by the host's methods. */
export type HostRequest<Effect> =
  | JournalRequest
  /** Answer with `snapshot`. */
  | { readonly kind: 'load-snapshot' }
  | { readonly kind: 'follow'; readonly source: Source; readonly from: number }
  | { readonly kind: 'unfollow'; readonly source: Source }
  /** Answer with `parked` once it is on the dead letters topic; the source waits until then (`own` does not wait). */
  | {
      readonly kind: 'dead-letter';
      readonly source: Source | 'own';
      readonly record: StoredRecord;
      readonly reason: string;
    }
  | { readonly kind: 'effects'; readonly effects: readonly Justified<Effect>[] }
  /** Every event of the messages with these tickets is committed. */
  | { readonly kind: 'settle'; readonly tickets: readonly number[] }
  /** A message was let go, undecided and unsettled: somebody must look at the rules. */
  | { readonly kind: 'message-dropped'; readonly reason: string }
  /** The claim counts; the foreign view is still being rebuilt. */
  | { readonly kind: 'leading'; readonly claimOffset: number }
  /** The state is whole: messages are taken from now on. */
  | { readonly kind: 'deciding' }
  | { readonly kind: 'fallen'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly reason: string };
