import { type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { type Position } from '@fluxforge/events/journal';
import { type HostContext } from './host-context.js';
import { foldedInto, foldForeign } from './recovery.js';
import { type ForeignSource } from './inputs.js';
import { type Snapshot } from './requests.js';

/** The state that the rules work on, and the two folds that make it. */
export class WorkingState<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private current: State;
  /** The foreign view is folded up to here, which can be one input ahead of what is covered. */
  private viewNext = 0;
  private lastEventMs = 0;

  constructor(
    readonly context: HostContext<State, Message, Effect, Own, Foreign>,
    private readonly partition: number,
  ) {
    this.current = context.initial(partition);
  }

  get state(): State {
    return this.current;
  }

  empty(): void {
    this.current = this.context.initial(this.partition);
    this.viewNext = 0;
    this.lastEventMs = 0;
  }

  /** False when the snapshot is of another shape; then nothing has happened. */
  begin(snapshot: Snapshot): boolean {
    const state = this.context.deserialize(snapshot.state);
    if (!state) return false;
    this.current = state;
    this.lastEventMs = snapshot.lastEventMs;
    return true;
  }

  /** What the rules are told the time is: never below the last event's. */
  timeMs(nowMs: number): number {
    return Math.max(nowMs, this.lastEventMs);
  }

  /** Events of this time are decided and sent. */
  sent(timeMs: number): void {
    this.lastEventMs = timeMs;
  }

  /** Folds a fact of the own log. */
  replay(fact: Fact): void {
    this.lastEventMs = Math.max(this.lastEventMs, fact.timeMs);
    this.context.evolve(this.current, fact as Fact<Own>);
  }

  /** Folds the foreign view from `at` up to `to`; answers how far the source reached. */
  rebuildView(source: ForeignSource, at: Position, to: Position): Position {
    const reached = foldForeign(source, at, to, (fact) => foldedInto(this.context, this.current, fact));
    this.viewNext = reached.next;
    return reached;
  }

  /**
   * Folds an event into the foreign view, once, however often it is decided. Answers why it cannot be folded,
   * or null.
   */
  view(fact: Fact, at: Position): string | null {
    if (at.next <= this.viewNext) return null;
    this.viewNext = at.next;
    return foldedInto(this.context, this.current, fact);
  }
}
