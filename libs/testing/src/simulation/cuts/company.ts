import { type EventBody } from '@fluxforge/events/catalogue';
import { type Prng } from '../prng.js';
import { type Twins } from './twins.js';

/** What an owner of one context has around it: who speaks to it, and what comes of what it asks for. */
export interface Company<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  /**
   * Whether what is decided has one order. Where it has none (what is to be looked at lies in sets, in the order in
   * which it was marked), only whole passes can be compared.
   */
  readonly inOrder: boolean;
  /** While the log says what is decided: they are heard, and nothing that is decided on it counts. */
  attend(twins: Twins<State, Message, Effect, Own, Foreign>): void;
  /** One round beyond the log's end, in which all that is decided counts. */
  live(twins: Twins<State, Message, Effect, Own, Foreign>, prng: Prng): void;
}
