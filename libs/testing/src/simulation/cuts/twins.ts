import { type ContextInput, type Decided, type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { type HostContext } from '@fluxforge/events/partition-host';
import { difference, textOf } from '../snapshot-text.js';
import { insist } from '../violation.js';

/**
 * One state folded from the log's start, and one that was restored from a snapshot under way and folded on from
 * there. Whatever is done to both, they answer the same.
 */
export class Twins<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  nowMs = 0;
  private facts = 0;

  constructor(
    private readonly context: HostContext<State, Message, Effect, Own, Foreign>,
    private readonly folded: State,
    private readonly restored: State,
    /** Where the cut is, for who reads of a violation. */
    private readonly where: string,
    private readonly inOrder: boolean,
  ) {}

  /** To look at and to leave as it is. */
  get state(): State {
    return this.folded;
  }

  resume(): void {
    this.ask('resumes', (state) => this.context.resume(state, this.nowMs));
  }

  evolve(fact: Fact<Own>): void {
    this.nowMs = Math.max(this.nowMs, fact.timeMs);
    this.each((state) => this.context.evolve(state, fact));
    this.ask(`carries out ${fact.type}`, (state) => this.context.effects(state, fact));
  }

  evolveForeign(fact: Fact<Foreign>): void {
    this.each((state) => this.context.evolveForeign(state, fact));
  }

  observe(message: Message): void {
    this.each((state) => this.context.observe(state, message, this.nowMs));
  }

  decide(input: ContextInput<Message, Foreign>): Decided<Own>[] {
    return this.ask(`decides on ${JSON.stringify(input)}`, (state) =>
      this.context.decide(state, input, this.nowMs),
    );
  }

  plan(room: number): Decided<Own>[] {
    return this.ask('plans', (state) => this.context.plan(state, this.nowMs, room));
  }

  pulse(): Effect[] {
    return this.ask('asks', (state) => this.context.pulse(state, this.nowMs));
  }

  take(events: readonly Decided<Own>[]): void {
    for (const one of events) {
      this.facts += 1;
      const fact = { ...one, id: `after-cut-${this.facts}`, timeMs: this.nowMs };
      this.evolve(fact as unknown as Fact<Own>);
    }
  }

  insistSame(): void {
    this.ask('is written', (state) => this.context.serialize(state));
  }

  private each(change: (state: State) => void): void {
    change(this.folded);
    change(this.restored);
  }

  private ask<T>(what: string, ask: (state: State) => T): T {
    const answer = ask(this.folded);
    const [folded, restored] = [this.textOf(answer), this.textOf(ask(this.restored))];
    const text = () => `${this.where} at ${this.nowMs} ${what} ${difference(restored, folded)}`;
    insist(folded === restored, 'I25 cuts', text);
    return answer;
  }

  private textOf(answer: unknown): string {
    if (this.inOrder || !Array.isArray(answer)) return textOf(answer);
    return answer
      .map((one) => textOf(one))
      .sort()
      .join();
  }
}
