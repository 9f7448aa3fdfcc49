import { type ReasonCode } from '@fluxforge/events/catalogue';
import { wishText } from '@fluxforge/domain/scheduling';
import { type Task } from '@fluxforge/domain/task';
import { surveyAgents } from './candidates.js';
import { ruleOf } from './explain.js';
import { type Realm, type TasksState } from './state.js';

/** What holds back each of many tasks of one tenant, while nothing changes: agents are surveyed once for each kind. */
export class WaitingRules {
  private readonly nearest = new Map<string, ReasonCode | null>();
  private readonly keptFor = new Set<string | null>();

  constructor(
    private readonly state: TasksState,
    private readonly realm: Realm,
    private readonly nowMs: number,
  ) {
    for (const { keptFor } of realm.agents.values()) this.keptFor.add(keptFor);
  }

  of(task: Task): ReasonCode {
    return ruleOf(this.state, this.realm, task, this.nowMs, (one) => this.nearestOf(one));
  }

  private nearestOf(task: Task): ReasonCode | null {
    if (this.keptFor.has(task.id)) return surveyAgents(this.realm, task).nearest;
    const kind = `${task.spec.agent_id ?? ''}\u0000${wishText(task.spec)}`;
    let nearest = this.nearest.get(kind);
    if (nearest === undefined) this.nearest.set(kind, (nearest = surveyAgents(this.realm, task).nearest));
    return nearest;
  }
}
