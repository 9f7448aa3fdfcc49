import {
  type Command,
  type Decided,
  type EventBody,
  type Fact,
  type PartitionContext,
  type Provenance,
} from '@fluxforge/events/catalogue';
import { PoisonRecord, systemTenant, type EventOrigin } from '@fluxforge/events/envelope';
import {
  type AppendFailure,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
} from '@fluxforge/events/log';
import {
  JournalOwner,
  startOfLog,
  type Covered,
  type OwnerListener,
  type Position,
} from '@fluxforge/events/journal';
import { BatchBuilder } from './batch-builder.js';
import { CommandSource, Fifo, ForeignSource, senderOf, type ForeignInput } from './inputs.js';
import { coveredWith, factOf, foldedInto, foldForeign } from './recovery.js';
import { type HostRequest, type Justified, type Snapshot, type Source } from './requests.js';
import { type HostSettings } from './settings.js';

/** What the host runs: the rules of a context, and how its state is brought to and from a snapshot. */
export interface HostContext<
  State,
  Message,
  Effect,
  Own extends EventBody,
  Foreign extends EventBody,
> extends PartitionContext<State, Message, Effect, Own, Foreign> {
  serialize(state: State): string;
  /** Null: of another shape, which is to be ignored. */
  deserialize(text: string): State | null;
}

interface Waiting<Message> {
  readonly message: Message;
  readonly ticket: number;
  readonly cause: string;
}

interface InFlight<Own extends EventBody> {
  readonly facts: readonly Fact<Own>[];
  readonly tickets: readonly number[];
  readonly covered: Covered;
}

interface Parking {
  readonly stage: 'none' | 'waiting' | 'done';
  readonly offset: number;
}

const notParking: Parking = { stage: 'none', offset: -1 };
const nothingCovered: Covered = { commands: 0, foreign: startOfLog };

/**
 * One partition of one context: its inputs in, events through the journal, effects out. A state machine
 * without I/O; a runner carries out its requests and tells it what came of them, so the very same code
 * runs on Kafka and in the simulation.
 *
 *   following the owner (see `JournalOwner`):
 *   dark       not leading; messages are refused, nothing is decided.
 *   rebuilding leading, but the foreign view is still being folded up to what the log says is covered.
 *   deciding   leading with a whole state. While one batch is out, inputs gather; the next takes them.
 */
export class PartitionHost<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  private readonly out: HostRequest<Effect>[] = [];
  private readonly owner: JournalOwner;
  private readonly commands = new CommandSource();
  private readonly foreign = new ForeignSource();
  private readonly messages = new Fifo<Waiting<Message>>();
  private mode: 'dark' | 'rebuilding' | 'deciding' = 'dark';
  private state: State;
  /** Covered by the events decided so far (and, once nothing is out, committed). */
  private covered: Covered = nothingCovered;
  /** Covered according to the last record of the log. */
  private recorded: Covered = nothingCovered;
  private rebuildTo: Position = startOfLog;
  private lastEventMs = 0;
  private lastRecordMs = 0;
  private inFlight: InFlight<Own> | null = null;
  private held: Justified<Effect>[] = [];
  /** Per source: whether its head is poison that waits for the dead letters topic, or has got there. */
  private parking: Record<Source, Parking> = { commands: notParking, foreign: notParking };
  /** Inputs were dealt with that a new owner should not have to deal with again, and nothing in the log says so. */
  private owesProgress = false;
  /** The foreign view is folded up to here, which can be one input ahead of what is covered. */
  private viewNext = 0;

  constructor(
    private readonly context: HostContext<State, Message, Effect, Own, Foreign>,
    private readonly settings: HostSettings,
  ) {
    this.state = context.initial(settings.partition);
    this.owner = new JournalOwner(settings, this.listener());
  }

  /** What the host wants done since the last call, in order. */
  drain(): HostRequest<Effect>[] {
    return this.out.splice(0, this.out.length);
  }

  get leading(): boolean {
    return this.mode === 'deciding';
  }

  get ownerState(): string {
    return this.owner.state;
  }

  get terms(): { readonly epoch: number; readonly term: number } {
    return this.owner.terms;
  }

  get position(): Position | null {
    return this.owner.position;
  }

  /** The working state. For reads by effects and queries of the moment; only the host changes it. */
  get view(): State {
    return this.state;
  }

  /** Nothing that is folded into `view` is still to be committed. */
  get settled(): boolean {
    return this.inFlight === null;
  }

  /** Commands below this offset are decided, and that is committed. */
  get coveredCommands(): number {
    return this.recorded.commands;
  }

  get queued(): { readonly commands: number; readonly foreign: number; readonly messages: number } {
    return { commands: this.commands.length, foreign: this.foreign.length, messages: this.messages.length };
  }

  /** Whether anything may go to an agent now. */
  fresh(nowMs: number): boolean {
    return this.mode === 'deciding' && this.owner.fresh(nowMs);
  }

  /** Whether the runner may feed more of a source. */
  hasRoom(source: Source): boolean {
    const queue = source === 'commands' ? this.commands : this.foreign;
    return queue.length < this.settings.maxQueuedRecords;
  }

  assigned(generation: number, nowMs: number): void {
    this.owner.assigned(generation, nowMs);
  }

  revoked(): void {
    this.owner.revoked();
  }

  heartbeat(generation: number, nowMs: number): void {
    this.owner.heartbeat(generation, nowMs);
  }

  appended(id: number, baseOffset: number, nowMs: number): void {
    this.owner.appended(id, baseOffset, nowMs);
    this.pump(nowMs);
  }

  appendFailed(id: number, failure: AppendFailure, nowMs: number): void {
    this.owner.appendFailed(id, failure, nowMs);
  }

  readDone(id: number, batch: RecordBatch, nowMs: number): void {
    this.owner.readDone(id, batch, nowMs);
    this.pump(nowMs);
  }

  readFailed(id: number, failure: ReadFailure, nowMs: number): void {
    this.owner.readFailed(id, failure, nowMs);
  }

  probed(id: number, end: number, nowMs: number): void {
    this.owner.probed(id, end, nowMs);
    this.pump(nowMs);
  }

  probeFailed(id: number): void {
    this.owner.probeFailed(id);
  }

  /** Answer to `load-snapshot`: one whose hash was compared with the log's, or null. */
  snapshot(snapshot: Snapshot | null, _nowMs: number): void {
    // The answer to a question of before a revocation must not replace a state that is in use by now.
    if (this.owner.state !== 'restarting') return;
    const state = snapshot && this.context.deserialize(snapshot.state);
    if (!snapshot || !state) return this.owner.begin(startOfLog);
    this.state = state;
    this.covered = { commands: snapshot.commands, foreign: snapshot.foreign };
    this.recorded = this.covered;
    this.foreign.restart(snapshot.foreign);
    this.lastEventMs = snapshot.lastEventMs;
    this.owner.begin(snapshot.position);
  }

  /** Records of a followed source. */
  feed(source: Source, batch: RecordBatch, nowMs: number): void {
    if (this.mode === 'dark') return;
    if (source === 'commands') this.commands.feed(batch);
    else this.foreign.feed(batch);
    const { halted } = this.foreign;
    // What lies behind a corruption must neither be decided nor count as covered.
    if (halted !== null) return this.owner.halt(`the other context's log: ${halted}`);
    this.pump(nowMs);
  }

  /** A followed source cannot be read any more where it was: the log is not what it was. */
  sourceFailed(source: Source, reason: string): void {
    this.owner.halt(`${source}: ${reason}`);
  }

  /** The dead letters topic has the record at this offset of the source, as `dead-letter` asked. */
  parked(source: Source, offset: number, nowMs: number): void {
    const at = this.parking[source];
    // The answer to what an earlier term asked for says nothing of the record that waits now.
    if (at.stage === 'waiting' && at.offset === offset) this.parking[source] = { stage: 'done', offset };
    this.pump(nowMs);
  }

  /**
   * A message that is not in the log (an agent's report). False when it cannot be taken now: its sender
   * keeps it. `ticket` comes back in a `settle` once all that it led to is committed.
   */
  offer(message: Message, ticket: number, cause: string, nowMs: number): boolean {
    if (this.mode !== 'deciding' || this.messages.length >= this.settings.maxQueuedMessages) return false;
    this.messages.push({ message, ticket, cause });
    this.pump(nowMs);
    return true;
  }

  /** To be called at least every few tens of milliseconds. */
  tick(nowMs: number): void {
    this.owner.tick(nowMs);
    this.pump(nowMs);
  }

  private listener(): OwnerListener {
    return {
      request: (request) => this.out.push(request),
      onRestart: () => this.restart(),
      onAccepted: (record) => this.fold(record),
      onLeading: (claimOffset, nowMs) => this.lead(claimOffset, nowMs),
      onCommitted: (baseOffset, nowMs) => this.committed(baseOffset, nowMs),
      onFallen: (reason) => this.fallen(reason),
      onStopped: (reason) => this.out.push({ kind: 'stopped', reason }),
    };
  }

  private restart(): void {
    this.empty();
    this.out.push({ kind: 'load-snapshot' });
  }

  private empty(): void {
    this.mode = 'dark';
    this.state = this.context.initial(this.settings.partition);
    this.covered = nothingCovered;
    this.recorded = nothingCovered;
    this.commands.restart(0);
    this.foreign.restart(startOfLog);
    this.messages.clear();
    this.inFlight = null;
    this.held = [];
    this.parking = { commands: notParking, foreign: notParking };
    this.viewNext = 0;
    this.owesProgress = false;
    this.lastEventMs = 0;
    this.lastRecordMs = 0;
  }

  private fallen(reason: string): void {
    if (this.mode !== 'dark') {
      this.out.push({ kind: 'unfollow', source: 'commands' });
      this.out.push({ kind: 'unfollow', source: 'foreign' });
    }
    this.empty();
    this.out.push({ kind: 'fallen', reason });
  }

  /** Folds an accepted record of the own log, with what it says is covered. */
  private fold(record: StoredRecord): void {
    this.recorded = coveredWith(record, this.recorded);
    const fact = factOf(record);
    if (fact instanceof PoisonRecord) {
      // The log keeps it, and a later version of this host may know what it means.
      this.out.push({ kind: 'dead-letter', source: 'own', record, reason: fact.message });
      return;
    }
    this.lastEventMs = Math.max(this.lastEventMs, fact.timeMs);
    try {
      this.context.evolve(this.state, fact as Fact<Own>);
    } catch (error: unknown) {
      // A state without it would be another one than the log says.
      this.owner.halt(`the rules cannot fold ${fact.type} at ${record.offset}: ${String(error)}`);
    }
  }

  private lead(claimOffset: number, nowMs: number): void {
    const foreignFrom = this.covered.foreign;
    this.rebuildTo = this.recorded.foreign;
    this.covered = { commands: this.recorded.commands, foreign: foreignFrom };
    this.mode = 'rebuilding';
    this.foreign.restart(foreignFrom);
    this.commands.restart(this.covered.commands);
    this.out.push({ kind: 'leading', claimOffset });
    this.out.push({ kind: 'follow', source: 'foreign', from: foreignFrom.next });
    this.pump(nowMs);
  }

  /** Folds the foreign view up to what the own log covers; what comes after are inputs. */
  private rebuild(nowMs: number): void {
    const at = foldForeign(this.foreign, this.covered.foreign, this.rebuildTo, (fact) =>
      foldedInto(this.context, this.state, fact),
    );
    this.covered = { ...this.covered, foreign: at };
    if (at.next < this.rebuildTo.next) return;
    if (this.covered.foreign.hash !== this.rebuildTo.hash) {
      return this.owner.halt('the other context has another history than the one that is covered');
    }
    this.viewNext = this.covered.foreign.next;
    this.mode = 'deciding';
    this.out.push({ kind: 'deciding' });
    this.out.push({ kind: 'follow', source: 'commands', from: this.covered.commands });
    this.hold(this.context.resume(this.state, Math.max(nowMs, this.lastEventMs)), null);
  }

  private pump(nowMs: number): void {
    try {
      if (this.mode === 'rebuilding') this.rebuild(nowMs);
      if (this.mode !== 'deciding') return;
      if (this.owner.idleLeading && this.inFlight === null) this.decideBatch(nowMs);
      if (this.owner.fresh(nowMs)) this.release(nowMs);
    } catch (error: unknown) {
      // Not of one input, which is dealt with where it is taken: the state may be half changed by now.
      this.owner.halt(
        `the rules failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }

  private release(nowMs: number): void {
    if (this.inFlight === null)
      this.hold(this.context.pulse(this.state, Math.max(nowMs, this.lastEventMs)), null);
    if (this.held.length === 0) return;
    this.out.push({ kind: 'effects', effects: this.held });
    this.held = [];
  }

  private hold(effects: readonly Effect[], offset: number | null): void {
    for (const effect of effects) this.held.push({ effect, offset });
  }

  private decideBatch(nowMs: number): void {
    const at = this.owner.position;
    if (!at) return;
    const timeMs = Math.max(nowMs, this.lastEventMs);
    const batch = new BatchBuilder(this.settings, this.owner.terms, at.seq + 1, this.covered);
    const facts: Fact<Own>[] = [];
    const tickets: number[] = [];
    while (batch.roomy && this.takeForeign(batch, facts, timeMs));
    while (batch.roomy && this.takeMessage(batch, facts, tickets, timeMs));
    while (batch.roomy && this.takeCommand(batch, facts, timeMs));
    while (batch.roomLeft > 0 && this.takePlan(batch, facts, timeMs));
    if (batch.size === 0) this.progress(batch, facts, nowMs, timeMs);
    if (batch.size === 0) {
      if (tickets.length > 0) this.out.push({ kind: 'settle', tickets });
      return;
    }
    this.lastEventMs = timeMs;
    this.lastRecordMs = nowMs;
    this.owesProgress = false;
    this.inFlight = { facts, tickets, covered: this.covered };
    this.owner.commit(batch.seal(), nowMs);
  }

  private committed(baseOffset: number, _nowMs: number): void {
    const done = this.inFlight;
    if (!done) return;
    this.inFlight = null;
    this.recorded = done.covered;
    done.facts.forEach((fact, i) => this.hold(this.context.effects(this.state, fact), baseOffset + i));
    if (done.tickets.length > 0) this.out.push({ kind: 'settle', tickets: done.tickets });
  }

  private takeForeign(batch: BatchBuilder, facts: Fact<Own>[], timeMs: number): boolean {
    const input = this.foreign.peek();
    if (!input) return false;
    if (input.kind === 'poison' && !this.park('foreign', input.record, input.reason)) return false;
    if (input.kind === 'claim') this.context.foreignClaimed?.(this.state, timeMs);
    if (input.kind === 'fact' && !this.takeFact(batch, facts, input, timeMs)) return false;
    this.foreign.take();
    this.covered = { ...this.covered, foreign: input.at };
    if (!isHousekeeping(input)) this.owesProgress = true;
    batch.cover(this.covered);
    return true;
  }

  /** False when it must wait: for a batch of its own, or, being poison, until the dead letters have it. */
  private takeFact(
    batch: BatchBuilder,
    facts: Fact<Own>[],
    input: Extract<ForeignInput, { kind: 'fact' }>,
    timeMs: number,
  ): boolean {
    const fact = input.event.fact as Fact<Foreign>;
    // A rule that throws is a bug; it must not block everybody behind this event.
    const flaw = this.seeForeign(input);
    if (flaw !== null) return this.spoil(flaw);
    let decided: Decided<Own>[];
    try {
      decided = this.context.decide(this.state, { kind: 'foreign', fact }, timeMs);
    } catch (error: unknown) {
      return this.spoil(`cannot be decided: ${String(error)}`);
    }
    const actor = `system:${this.context.name}`;
    const because: Provenance = { ...input.event.provenance, actor, causationId: fact.id };
    // When the events do not fit, the batch is sent first and the input decided again. What would not
    // fit in an empty batch is left to the plan, which is level-based.
    return this.add(batch, facts, decided, timeMs, () => because, null) || batch.size === 0;
  }

  /** Folds the event into the foreign view, once, however often it is decided. */
  private seeForeign({ event, at }: Extract<ForeignInput, { kind: 'fact' }>): string | null {
    if (at.next <= this.viewNext) return null;
    this.viewNext = at.next;
    return foldedInto(this.context, this.state, event.fact);
  }

  private spoil(reason: string): false {
    this.foreign.spoil(reason);
    return false;
  }

  private takeMessage(batch: BatchBuilder, facts: Fact<Own>[], tickets: number[], timeMs: number): boolean {
    const waiting = this.messages.peek();
    if (!waiting) return false;
    const because = systemCause(waiting.cause);
    let decided: Decided<Own>[];
    try {
      this.context.observe(this.state, waiting.message, timeMs);
      decided = this.context.decide(this.state, { kind: 'message', message: waiting.message }, timeMs);
    } catch (error: unknown) {
      return this.dropMessage(`a message of ${waiting.cause} cannot be decided: ${String(error)}`);
    }
    if (this.add(batch, facts, decided, timeMs, () => because, null)) {
      this.messages.shift();
      tickets.push(waiting.ticket);
      return true;
    }
    if (batch.size > 0) return false;
    return this.dropMessage(
      `what a message of ${waiting.cause} asks for does not fit in one batch of events`,
    );
  }

  /** A bug of the rules must not keep all others waiting. It is not settled: nothing of it is in the log. */
  private dropMessage(reason: string): true {
    this.messages.shift();
    this.out.push({ kind: 'message-dropped', reason });
    return true;
  }

  private takeCommand(batch: BatchBuilder, facts: Fact<Own>[], timeMs: number): boolean {
    const input = this.commands.peek();
    if (!input) return false;
    if (input.kind === 'poison') {
      if (!this.park('commands', input.record, input.reason)) return false;
      const sender = senderOf(input.record);
      if (sender) this.refuse(batch, facts, timeMs, sender, input.reason);
    }
    if (input.kind === 'command' && !this.answer(batch, facts, timeMs, input.command)) return false;
    this.commands.take();
    this.covered = { ...this.covered, commands: input.next };
    if (input.kind !== 'pass') this.owesProgress = true;
    batch.cover(this.covered);
    return true;
  }

  /** Decides a command. False when its events need a batch of their own, and this one must go first. */
  private answer(batch: BatchBuilder, facts: Fact<Own>[], timeMs: number, command: Command): boolean {
    const because = (): Provenance => ({ ...command.provenance, causationId: command.id });
    let decided: Decided<Own>[];
    try {
      decided = this.context.decide(this.state, { kind: 'command', command }, timeMs);
    } catch (error: unknown) {
      // A rule that throws is a bug; it must not block everybody behind this command.
      this.refuse(batch, facts, timeMs, command, `cannot be decided: ${String(error)}`);
      return true;
    }
    if (this.add(batch, facts, decided, timeMs, because, command.id)) return true;
    if (batch.size > 0) return false;
    this.refuse(
      batch,
      facts,
      timeMs,
      command,
      'what this command asks for does not fit in one batch of events',
    );
    return true;
  }

  private refuse(
    batch: BatchBuilder,
    facts: Fact<Own>[],
    timeMs: number,
    command: { readonly id: string; readonly tenantId: string },
    message: string,
  ): void {
    const refusal = {
      type: 'command.rejected',
      tenantId: command.tenantId,
      subject: command.id,
      data: { command_id: command.id, code: 'invalid', message: message.slice(0, 2000) },
    } as unknown as Decided<Own>;
    this.add(batch, facts, [refusal], timeMs, () => systemCause(command.id), command.id);
  }

  private takePlan(batch: BatchBuilder, facts: Fact<Own>[], timeMs: number): boolean {
    const because = (event: Decided): Provenance => systemCause(`system:${this.context.name}`, event.subject);
    // What does not fit by its bytes is asked for in smaller steps, or the same step would be tried for ever.
    for (let room = batch.roomLeft; room > 0; room >>= 1) {
      const planned = this.context.plan(this.state, timeMs, room);
      if (planned.length === 0) return false;
      if (this.add(batch, facts, planned, timeMs, because, null)) return true;
    }
    return false;
  }

  /** Inputs moved on and nothing came of them: said in the log, so that a new owner need not read them again. */
  private progress(batch: BatchBuilder, facts: Fact<Own>[], nowMs: number, timeMs: number): void {
    if (!this.owesProgress || nowMs - this.lastRecordMs < this.settings.progressIntervalMs) return;
    const event = {
      type: 'journal.progress',
      tenantId: systemTenant,
      subject: this.context.name,
      data: {},
    } as unknown as Decided<Own>;
    this.add(batch, facts, [event], timeMs, () => systemCause(`system:${this.context.name}`), null);
    batch.cover(this.covered);
  }

  /** Puts events into the batch and folds them. False when they do not fit: then nothing has happened. */
  private add(
    batch: BatchBuilder,
    facts: Fact<Own>[],
    decided: readonly Decided<Own>[],
    timeMs: number,
    because: (event: Decided) => Provenance,
    commandId: string | null,
  ): boolean {
    const origins = batch.add(decided as readonly Decided[], timeMs, because, commandId);
    if (!origins) return false;
    decided.forEach((event, i) => {
      const fact = { ...event, id: (origins[i] as EventOrigin).id, timeMs } as unknown as Fact<Own>;
      this.context.evolve(this.state, fact);
      facts.push(fact);
    });
    return true;
  }

  /** True once the dead letters topic has the record: only then may the input count as covered. */
  private park(source: Source, record: StoredRecord, reason: string): boolean {
    const { stage } = this.parking[source];
    if (stage === 'done') {
      this.parking[source] = notParking;
      return true;
    }
    if (stage === 'none') this.out.push({ kind: 'dead-letter', source, record, reason });
    this.parking[source] = { stage: 'waiting', offset: record.offset };
    return false;
  }
}

/**
 * What the other context's journal writes for itself. Reading it again costs nothing; saying that it was
 * read would be housekeeping for the other side in its turn, and so on for ever on an idle system.
 */
function isHousekeeping(input: ForeignInput): boolean {
  if (input.kind === 'pass' || input.kind === 'claim') return true;
  return input.kind === 'fact' && input.event.fact.type === 'journal.progress';
}

function systemCause(cause: string, correlationId = cause): Provenance {
  return { actor: cause, reason: null, causationId: cause, correlationId, traceparent: null };
}
