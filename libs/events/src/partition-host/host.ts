import { type EventBody } from '@fluxforge/events/catalogue';
import { PoisonRecord } from '@fluxforge/events/envelope';
import {
  type AppendFailure,
  type ReadFailure,
  type RecordBatch,
  type StoredRecord,
} from '@fluxforge/events/log';
import { JournalOwner, startOfLog, type OwnerListener, type Position } from '@fluxforge/events/journal';
import { BatchBuilder } from './batch-builder.js';
import { Coverage } from './coverage.js';
import { DecisionRound } from './decision-round.js';
import { type HostContext } from './host-context.js';
import { InputQueues } from './input-queues.js';
import { Outbox } from './outbox.js';
import { Parking } from './parking.js';
import { factOf } from './recovery.js';
import { type HostRequest, type Snapshot, type Source } from './requests.js';
import { type HostSettings } from './settings.js';
import { WorkingState } from './working-state.js';

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
  private readonly work: WorkingState<State, Message, Effect, Own, Foreign>;
  private readonly coverage = new Coverage();
  private readonly queues: InputQueues<Message>;
  private readonly parking = new Parking((request) => this.out.push(request));
  private readonly outbox = new Outbox<Effect, Own>();
  private mode: 'dark' | 'rebuilding' | 'deciding' = 'dark';

  constructor(
    context: HostContext<State, Message, Effect, Own, Foreign>,
    private readonly settings: HostSettings,
  ) {
    this.work = new WorkingState(context, settings.partition);
    this.queues = new InputQueues(settings);
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
    return this.work.state;
  }

  /** Nothing that is folded into `view` is still to be committed. */
  get settled(): boolean {
    return !this.outbox.isBatchOut;
  }

  /** Commands below this offset are decided, and that is committed. */
  get coveredCommands(): number {
    return this.coverage.recorded.commands;
  }

  get queued(): { readonly commands: number; readonly foreign: number; readonly messages: number } {
    return this.queues.lengths;
  }

  /** Whether anything may go to an agent now. */
  fresh(nowMs: number): boolean {
    return this.mode === 'deciding' && this.owner.fresh(nowMs);
  }

  /** Whether the runner may feed more of a source. */
  hasRoom(source: Source): boolean {
    return this.queues.hasRoom(source);
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
  snapshot(snapshot: Snapshot | null): void {
    // The answer to a question of before a revocation must not replace a state that is in use by now.
    if (this.owner.state !== 'restarting') return;
    if (!snapshot || !this.work.begin(snapshot)) return this.owner.begin(startOfLog);
    this.coverage.begin({ commands: snapshot.commands, foreign: snapshot.foreign });
    this.owner.begin(snapshot.position);
  }

  /** Records of a followed source. */
  feed(source: Source, batch: RecordBatch, nowMs: number): void {
    if (this.mode === 'dark') return;
    this.queues.feed(source, batch);
    const { halted } = this.queues.foreign;
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
    this.parking.parked(source, offset);
    this.pump(nowMs);
  }

  /**
   * A message that is not in the log (an agent's report). False when it cannot be taken now: its sender
   * keeps it. `ticket` comes back in a `settle` once all that it led to is committed.
   */
  offer(message: Message, ticket: number, cause: string, nowMs: number): boolean {
    if (this.mode !== 'deciding' || !this.queues.offer(message, ticket, cause)) return false;
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
      onCommitted: (baseOffset) => this.committed(baseOffset),
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
    this.work.empty();
    this.coverage.empty();
    this.queues.empty();
    this.parking.clear();
    this.outbox.empty();
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
    this.coverage.read(record);
    const fact = factOf(record);
    if (fact instanceof PoisonRecord) {
      // The log keeps it, and a later version of this host may know what it means.
      this.out.push({ kind: 'dead-letter', source: 'own', record, reason: fact.message });
      return;
    }
    try {
      this.work.replay(fact);
    } catch (error: unknown) {
      // A state without it would be another one than the log says.
      this.owner.halt(`the rules cannot fold ${fact.type} at ${record.offset}: ${String(error)}`);
    }
  }

  private lead(claimOffset: number, nowMs: number): void {
    this.coverage.lead();
    const { commands, foreign } = this.coverage.covered;
    this.mode = 'rebuilding';
    this.queues.restart(commands, foreign);
    this.out.push({ kind: 'leading', claimOffset });
    this.out.push({ kind: 'follow', source: 'foreign', from: foreign.next });
    this.pump(nowMs);
  }

  /** Folds the foreign view up to what the own log covers; what comes after are inputs. */
  private rebuild(nowMs: number): void {
    const to = this.coverage.recorded.foreign;
    const at = this.work.rebuildView(this.queues.foreign, this.coverage.covered.foreign, to);
    this.coverage.viewRebuilt(at);
    if (at.next < to.next) return;
    if (at.hash !== to.hash) {
      return this.owner.halt('the other context has another history than the one that is covered');
    }
    this.mode = 'deciding';
    this.out.push({ kind: 'deciding' });
    this.out.push({ kind: 'follow', source: 'commands', from: this.coverage.covered.commands });
    const { context, state } = this.work;
    this.outbox.hold(context.resume(state, this.work.timeMs(nowMs)), null);
  }

  private pump(nowMs: number): void {
    try {
      if (this.mode === 'rebuilding') this.rebuild(nowMs);
      if (this.mode !== 'deciding') return;
      if (this.owner.idleLeading && !this.outbox.isBatchOut) this.decideBatch(nowMs);
      if (this.owner.fresh(nowMs)) this.release(nowMs);
    } catch (error: unknown) {
      // Not of one input, which is dealt with where it is taken: the state may be half changed by now.
      this.owner.halt(
        `the rules failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }

  private release(nowMs: number): void {
    const { context, state } = this.work;
    if (!this.outbox.isBatchOut) this.outbox.hold(context.pulse(state, this.work.timeMs(nowMs)), null);
    const effects = this.outbox.release();
    if (effects.length > 0) this.out.push({ kind: 'effects', effects });
  }

  private decideBatch(nowMs: number): void {
    const at = this.owner.position;
    if (!at) return;
    const { queues, parking, coverage, settings } = this;
    const timeMs = this.work.timeMs(nowMs);
    const batch = new BatchBuilder(settings, this.owner.terms, at.seq + 1, coverage.covered);
    const inputs = { queues, parking, coverage };
    const round = new DecisionRound(this.work, inputs, batch, timeMs, (reason) =>
      this.out.push({ kind: 'message-dropped', reason }),
    );
    round.run();
    if (batch.size === 0 && coverage.owesProgress(nowMs, settings.progressIntervalMs)) round.progress();
    const { facts, tickets } = round;
    if (batch.size === 0) {
      if (tickets.length > 0) this.out.push({ kind: 'settle', tickets });
      return;
    }
    this.work.sent(timeMs);
    coverage.sent(nowMs);
    this.outbox.send({ facts, tickets, covered: coverage.covered });
    this.owner.commit(batch.seal(), nowMs);
  }

  private committed(baseOffset: number): void {
    const done = this.outbox.committed();
    if (!done) return;
    this.coverage.committed(done.covered);
    const { context, state } = this.work;
    done.facts.forEach((fact, i) => this.outbox.hold(context.effects(state, fact), baseOffset + i));
    if (done.tickets.length > 0) this.out.push({ kind: 'settle', tickets: done.tickets });
  }
}
