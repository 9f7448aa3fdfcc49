import { type Command, type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { startOfLog } from '@fluxforge/events/journal';
import { type HostContext } from '@fluxforge/events/partition-host';
import { decodeSnapshot, encodeSnapshot } from '@fluxforge/events/snapshots';
import { type Counters } from '../counters.js';
import { type Accepted, type JournalModel } from '../journal-model.js';
import { type Prng } from '../prng.js';
import { insist } from '../violation.js';
import { type Company } from './company.js';
import { Twins } from './twins.js';

/** Between two cuts of one partition's log. */
const acceptedBetween = { least: 100, most: 600 } as const;
const longestTail = 120;
const roundsBeyond = 12;
const mostPasses = 200;
/** What a new owner waits for lies within these: leases, backoffs, deadlines, windows. */
const waitsMs = [0, 50, 400, 1_500, 6_000, 60_000] as const;

export interface CutParts<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  readonly context: HostContext<State, Message, Effect, Own, Foreign>;
  readonly company: Company<State, Message, Effect, Own, Foreign>;
  readonly own: JournalModel;
  readonly foreign: JournalModel;
  /** Everything that landed among the partition's commands, and can be read. */
  readonly commands: readonly Command[];
}

/**
 * Cuts one partition's log at random: the state folded from its start, and the one that is restored from a snapshot
 * at the cut and folded on, are written the same, and decide the same at each event behind it and beyond its end.
 */
export class Cuts<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private nextAt: number;

  constructor(
    private readonly parts: CutParts<State, Message, Effect, Own, Foreign>,
    private readonly prng: Prng,
    private readonly counters: Counters,
  ) {
    this.nextAt = this.drawNext(0);
  }

  landed(): void {
    const { length } = this.parts.own.accepted;
    if (length < this.nextAt) return;
    this.nextAt = this.drawNext(length);
    this.judge();
  }

  /** Of the log as it is now. */
  judge(): void {
    const { prng, parts } = this;
    const { accepted } = parts.own;
    const end = accepted.length;
    if (end < 2) return;
    const tail = prng.chance(0.2)
      ? prng.between(1, end - 1)
      : prng.between(1, Math.min(longestTail, end - 1));
    const cut = end - tail;
    const twins = this.cutAt(cut);
    twins.nowMs = accepted[cut - 1]!.event.fact.timeMs;
    this.counters.add('cut');
    twins.insistSame();
    twins.resume();
    const facts = this.foreignFrom(cut);
    for (const one of accepted.slice(cut)) {
      for (const fact of facts(one)) twins.evolveForeign(fact);
      twins.evolve(one.event.fact as Fact<Own>);
      if (prng.chance(0.5)) this.ask(twins);
    }
    twins.insistSame();
    this.goOn(twins);
    twins.insistSame();
  }

  /** What the log goes on to say, or would: the answers do not count. */
  private ask(twins: Twins<State, Message, Effect, Own, Foreign>): void {
    const { company } = this.parts;
    company.attend(twins);
    const events = twins.plan(this.drawRoom());
    if (events.length > 0) this.counters.add('planned after a cut');
    const command = this.repeated();
    if (command) twins.decide({ kind: 'command', command });
  }

  private goOn(twins: Twins<State, Message, Effect, Own, Foreign>): void {
    for (let round = 0; round < roundsBeyond; round++) {
      twins.nowMs += this.prng.pick(waitsMs);
      this.parts.company.live(twins, this.prng);
      for (let some = this.prng.below(4); some > 0; some--) this.send(twins, `${round}-${some}`);
      for (let passes = 0; passes < mostPasses; passes++) {
        const events = twins.plan(this.drawRoom());
        if (events.length === 0) break;
        this.counters.add('planned beyond the log');
        twins.take(events);
      }
    }
  }

  /** Again what was sent before; a task at times anew. */
  private send(twins: Twins<State, Message, Effect, Own, Foreign>, name: string): void {
    const before = this.repeated();
    if (!before) return;
    const isAnew = before.type === 'task.submit' && this.prng.chance(0.7);
    const data = isAnew && { task_id: `after-cut-${name}`, spec: before.data.spec };
    const command = data ? ({ ...before, data } as Command) : before;
    twins.take(twins.decide({ kind: 'command', command }));
  }

  private cutAt(cut: number): Twins<State, Message, Effect, Own, Foreign> {
    const { context, company, own } = this.parts;
    // Writing a snapshot may tidy what it is made of, so each is folded for itself.
    const restored = this.restored(this.folded(cut));
    const where = `${own.name} cut behind offset ${own.accepted[cut - 1]!.offset}`;
    return new Twins(context, this.folded(cut), restored, where, company.inOrder);
  }

  private folded(count: number): State {
    const { context, own } = this.parts;
    const state = context.initial(own.partition);
    const facts = this.foreignFrom(0);
    for (const one of own.accepted.slice(0, count)) {
      for (const fact of facts(one)) context.evolveForeign(state, fact);
      context.evolve(state, one.event.fact as Fact<Own>);
    }
    return state;
  }

  private restored(state: State): State {
    const { context } = this.parts;
    const written = context.serialize(state);
    const heading = { position: startOfLog, foreign: startOfLog, commands: 0, lastEventMs: 0 };
    const { manifest, payload } = encodeSnapshot({ ...heading, state: written }, 'cut');
    const snapshot = decodeSnapshot(manifest, payload);
    const restored = snapshot && context.deserialize(snapshot.state);
    insist(restored !== null, 'I25 cuts', () => `${this.parts.own.name}: a snapshot cannot be read`);
    return restored;
  }

  /** Of the other context's facts, those that an own one covers and the one before it did not. Asked in order. */
  private foreignFrom(from: number): (one: Accepted) => Fact<Foreign>[] {
    const { own, foreign } = this.parts;
    const covered = own.accepted[from - 1]?.foreignNext ?? 0;
    let at = foreign.accepted.findIndex(({ offset }) => offset >= covered);
    if (at < 0) at = foreign.accepted.length;
    return ({ foreignNext }) => {
      const start = at;
      while (at < foreign.accepted.length && foreign.accepted[at]!.offset < foreignNext) at += 1;
      return foreign.accepted.slice(start, at).map(({ event }) => event.fact as Fact<Foreign>);
    };
  }

  private repeated(): Command | undefined {
    const { commands } = this.parts;
    return commands.length === 0 ? undefined : this.prng.pick(commands);
  }

  private drawRoom(): number {
    return this.parts.company.inOrder ? this.prng.pick([1, 500]) : 500;
  }

  private drawNext(from: number): number {
    return from + this.prng.between(acceptedBetween.least, acceptedBetween.most);
  }
}
