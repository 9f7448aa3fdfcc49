import { type EventBody, type PartitionContext } from '@fluxforge/events/catalogue';

/** What the host runs: the rules of a context, and how its state is brought to and from a snapshot. */
export interface HostContext<
  State,
  Message,
  Effect,
  Own extends EventBody,
  Foreign extends EventBody,
> extends PartitionContext<State, Message, Effect, Own, Foreign> {
  serialize(state: State): string;
  /** Null: of another shape, which is to be ignored. */
  deserialize(text: string): State | null;
}
