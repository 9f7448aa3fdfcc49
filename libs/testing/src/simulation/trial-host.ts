import {
  type Command,
  type CommandBody,
  type Decided,
  type EventBody,
  type Fact,
  type PartitionContext,
} from '@fluxforge/events/catalogue';
import { flawOfCommand } from '@fluxforge/events/envelope';
import { insist } from './violation.js';

const mostSteps = 2_000;

/** Runs a context on a copy of its state to try what an explanation names: what is decided is taken at once. */
export class TrialHost<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private facts = 0;

  constructor(
    private readonly context: PartitionContext<State, Message, Effect, Own, Foreign>,
    readonly state: State,
    public nowMs: number,
  ) {}

  /** Nothing else is decided before `settle`. */
  decide(body: CommandBody, tenantId: string): void {
    const flaw = flawOfCommand(body.type, body.data);
    insist(flaw === null, 'explain', () => `${body.type} that was named is none: ${flaw}`);
    const id = `trial-${++this.facts}`;
    const provenance = {
      actor: 'trial',
      reason: null,
      causationId: id,
      correlationId: id,
      traceparent: null,
    };
    const command = { ...body, id, tenantId, provenance } as Command;
    const events = this.context.decide(this.state, { kind: 'command', command }, this.nowMs);
    insist(
      !events.some(({ type }) => type === 'command.rejected'),
      'explain',
      () => `${body.type} is refused`,
    );
    this.takeAll(events);
  }

  hear(message: Message): void {
    this.context.observe(this.state, message, this.nowMs);
    this.takeAll(this.context.decide(this.state, { kind: 'message', message }, this.nowMs));
  }

  hearForeign(decided: Decided<Foreign>): void {
    const fact = this.factOf(decided);
    this.context.evolveForeign(this.state, fact);
    this.takeAll(this.context.decide(this.state, { kind: 'foreign', fact }, this.nowMs));
  }

  settle(): void {
    for (let i = 0; i < mostSteps; i++) {
      const events = this.context.plan(this.state, this.nowMs, 100);
      if (events.length === 0) return;
      this.takeAll(events);
    }
  }

  take(decided: Decided<Own>): void {
    this.context.evolve(this.state, this.factOf(decided));
  }

  private takeAll(all: readonly Decided<Own>[]): void {
    for (const one of all) this.take(one);
  }

  private factOf<B extends EventBody>(decided: Decided<B>): Fact<B> {
    return { ...decided, id: `trial-${++this.facts}`, timeMs: this.nowMs } as unknown as Fact<B>;
  }
}
