import { evolveFanout, hasWork, type Fanout, type FanoutFact } from '@fluxforge/domain/fanout';
import { chargeOnce } from './charging.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** Fan-outs among all else of the context: which have something to do, and what is remembered of them. */

export function fanoutChanged(state: TasksState, policy: TasksPolicy, realm: Realm, fact: FanoutFact): void {
  if ((fact.type === 'fanout.started' || fact.type === 'fanout.rejected') && fact.data.keyed) {
    state.keys.add(fact.tenantId, fact.data.keyed, fact.timeMs);
  }
  const { live, gone, ended } = evolveFanout(realm.fanouts, fact, state.nextOrder);
  if (fact.type === 'fanout.started' && live) {
    state.nextOrder += 1;
    state.endedFanouts.drop(realm.fanouts, live.id);
    chargeOnce(realm, fact.data, fact.timeMs);
  }
  if (live) syncFanout(state, realm, live);
  if (gone) {
    realm.fanouts.held.delete(gone);
    state.fanoutsDue.delete(gone);
  }
  if (!ended) return;
  state.endedFanouts.put(realm.fanouts, ended);
  state.endedFanouts.forget(realm.fanouts, policy.fanouts, state.lastFactMs);
}

/** Those that were started least far come first, whoever's they are. */
export function syncFanout(state: TasksState, realm: Realm, fanout: Fanout | null): void {
  if (!fanout) return;
  realm.fanouts.held.delete(fanout);
  if (hasWork(fanout)) state.fanoutsDue.set(fanout, fanout.next, fanout.order);
  else state.fanoutsDue.delete(fanout);
}

/** A fact that may let in what was held: the mode, the limits, a task that left the queue. */
export function releaseFanouts(state: TasksState, realm: Realm): void {
  for (const fanout of realm.fanouts.held) syncFanout(state, realm, fanout);
}
