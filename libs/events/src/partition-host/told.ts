import { type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { type HostContext } from './host-context.js';

/**
 * A context whose committed facts are also told to `tell` (logs, metrics), once each, in log order: a host
 * asks for the effects of a fact only once it is committed.
 */
export function toldFacts<State, Message, Effect, Own extends EventBody, Foreign extends EventBody>(
  context: HostContext<State, Message, Effect, Own, Foreign>,
  tell: (fact: Fact<Own>) => void,
): HostContext<State, Message, Effect, Own, Foreign> {
  return {
    ...context,
    effects: (state, fact) => {
      tell(fact);
      return context.effects(state, fact);
    },
  };
}
