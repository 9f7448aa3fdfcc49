import {
  evolveFanout,
  hasWork,
  type EndedFanout,
  type Fanout,
  type FanoutFact,
} from '@fluxforge/domain/fanout';
import { chargeOnce } from './charging.js';
import { type TasksPolicy } from './policy.js';
import { type Realm, type TasksState } from './state.js';

/** Fan-outs among all else of the context: which have something to do, and what is remembered of them. */

export function fanoutChanged(state: TasksState, policy: TasksPolicy, realm: Realm, fact: FanoutFact): void {
  const { live, gone, ended } = evolveFanout(realm.fanouts, fact, state.nextOrder);
  if (fact.type === 'fanout.started' && live) {
    state.nextOrder += 1;
    chargeOnce(realm, fact.data, fact.timeMs);
  }
  if (live) syncFanout(state, realm, live);
  if (gone) {
    realm.fanouts.held.delete(gone);
    state.fanoutsDue.delete(gone);
  }
  if (ended) rememberFanout(state, policy, ended);
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

export function addEndedFanout(state: TasksState, ended: EndedFanout): void {
  state.endedFanouts.push(ended);
  state.endedMembers += ended.members.length;
}

/** Bounded by number, members and age, by facts alone, so that every fold of the log remembers the same. */
function rememberFanout(state: TasksState, policy: TasksPolicy, ended: EndedFanout): void {
  addEndedFanout(state, ended);
  const { keptMs, kept, keptMembers } = policy.fanouts;
  for (let oldest = state.endedFanouts.peek(); oldest; oldest = state.endedFanouts.peek()) {
    const over = oldest.endedAtMs + keptMs < state.lastFactMs;
    const many = state.endedFanouts.size > kept || state.endedMembers > keptMembers;
    if (!over && !many) return;
    state.endedFanouts.shift();
    state.endedMembers -= oldest.members.length;
    const book = state.realms.get(oldest.tenantId)?.fanouts.ended;
    if (book?.get(oldest.id) === oldest) book.delete(oldest.id);
  }
}
