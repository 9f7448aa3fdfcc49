import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import {
  type Command,
  type CommandBody,
  type Decided,
  type JournalEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';

type Own = TasksEventBody | JournalEventBody;

/** More in one instant, and it is taken for endless. */
const mostAtOnce = 200;

/** What the rules make of commands that the API has written, with no agents, at whatever time is said. */
export class RulesInMemory {
  private readonly context = makeTasksContext(defaultTasksPolicy);
  private readonly state = this.context.initial(0);
  private made = 0;

  constructor(
    tenantId: string,
    private nowMs: number,
  ) {
    this.context.resume(this.state, nowMs);
    const limits = { ...defaultTasksPolicy.defaultLimits };
    const data = { tenant_id: tenantId, name: tenantId, limits };
    this.fold({ type: 'tenant.created', tenantId, subject: tenantId, data });
  }

  decide(command: Command<CommandBody>): Decided<Own>[] {
    return this.folded(this.context.decide(this.state, { kind: 'command', command }, this.nowMs));
  }

  /** All that this instant calls for. */
  at(nowMs: number): Decided<Own>[] {
    this.nowMs = nowMs;
    const all: Decided<Own>[] = [];
    for (;;) {
      const events = this.context.plan(this.state, nowMs, 100);
      if (events.length === 0) return all;
      all.push(...this.folded(events));
      if (all.length > mostAtOnce) throw new Error('The plan never falls quiet.');
    }
  }

  private folded(events: Decided<Own>[]): Decided<Own>[] {
    for (const one of events) this.fold(one);
    return events;
  }

  private fold(one: Decided<Own>): void {
    this.context.evolve(this.state, { ...one, id: `e${++this.made}`, timeMs: this.nowMs });
  }
}
