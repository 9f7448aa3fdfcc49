import { type Agent } from '@fluxforge/domain/agent';
import { type Task } from '@fluxforge/domain/task';
import { byOrder } from './restoring.js';
import { type Realm } from './state.js';

/** What is leased to the agent, the oldest task first: in which order it was leased a restored state does not know. */
export function runsOn({ tasks }: Realm, agent: Agent): Task[] {
  return byOrder([...agent.leases].flatMap((id) => tasks.get(id) ?? []));
}
