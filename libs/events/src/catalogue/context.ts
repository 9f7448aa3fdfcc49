import { type Command, type CommandBody, type Decided, type EventBody, type Fact } from './types.js';

/**
 * The rules of one context, as the partition host runs them. All members are pure in the sense that
 * matters here: what they do follows from their arguments alone, the clock included. `State` is a
 * mutable object that only `evolve`, `evolveForeign` and `observe` change, and `pulse` in what is momentary.
 *
 * The host's order: inputs gather while a batch is in flight; then for each input `observe`, `decide`,
 * and `evolve` for each event decided; then `plan` again and again until it has nothing more to say (or
 * the batch is full). The batch is appended; once it is committed, `effects` of each event go out. A
 * batch that is not committed takes the whole state with it: it is dropped and rebuilt from the log.
 */
export interface PartitionContext<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  readonly name: 'tasks' | 'states';
  initial(partition: number): State;
  /** Folds an event of this context. Ignores what does not fit; never throws. */
  evolve(state: State, fact: Fact<Own>): void;
  /** Folds an accepted event of the other context into the foreign view. */
  evolveForeign(state: State, fact: Fact<Foreign>): void;
  /**
   * The other context's partition has a new owner: whatever was asked of the former one by telemetry is
   * lost. Changes only what is momentary.
   */
  foreignClaimed?(state: State, nowMs: number): void;
  /** Takes in what is momentary and not in the log (an agent answered, a stream closed). Lost at a takeover. */
  observe(state: State, message: Message, nowMs: number): void;
  decide(state: State, input: ContextInput<Message, Foreign>, nowMs: number): Decided<Own>[];
  /**
   * One step of the level-based pass: what the state itself calls for now (leases, expiries, requests,
   * retries), at most `room` events. An empty answer means quiet. Must be cheap when there is nothing to do.
   */
  plan(state: State, nowMs: number, room: number): Decided<Own>[];
  /** When `plan` or `pulse` has something to do by the clock alone, or null. */
  wakeAtMs(state: State): number | null;
  /** What a committed event calls for outside. Called in log order, with the state after the whole batch. */
  effects(state: State, fact: Fact<Own>): Effect[];
  /** Effects of the moment that no event justifies (check requests, heartbeats due). Only while fresh. */
  pulse(state: State, nowMs: number): Effect[];
  /** A new owner: what the state says is still to be pushed, asked or timed. */
  resume(state: State, nowMs: number): Effect[];
}

export type ContextInput<Message, Foreign extends EventBody> =
  | { readonly kind: 'command'; readonly command: Command<CommandBody> }
  | { readonly kind: 'foreign'; readonly fact: Fact<Foreign> }
  | { readonly kind: 'message'; readonly message: Message };
