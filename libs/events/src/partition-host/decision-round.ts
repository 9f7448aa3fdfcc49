import {
  type Command,
  type ContextInput,
  type Decided,
  type EventBody,
  type Fact,
  type Provenance,
} from '@fluxforge/events/catalogue';
import { systemTenant, type EventOrigin } from '@fluxforge/events/envelope';
import { type BatchBuilder } from './batch-builder.js';
import { type Coverage } from './coverage.js';
import { type InputQueues } from './input-queues.js';
import { senderOf, type ForeignInput } from './inputs.js';
import { type Parking } from './parking.js';
import { type WorkingState } from './working-state.js';

/** What a round takes from, and writes down how far it came. */
export interface RoundInputs<Message> {
  readonly queues: InputQueues<Message>;
  readonly parking: Parking;
  readonly coverage: Coverage;
}

/**
 * Fills one batch: what waits is decided input by input and its events are folded at once, so that each input
 * finds the state that the ones before it left. Inputs first, then the plan.
 */
export class DecisionRound<State, Message, Effect, Own extends EventBody, Foreign extends EventBody> {
  readonly facts: Fact<Own>[] = [];
  /** Of the messages that were taken. */
  readonly tickets: number[] = [];

  constructor(
    private readonly work: WorkingState<State, Message, Effect, Own, Foreign>,
    private readonly inputs: RoundInputs<Message>,
    private readonly batch: BatchBuilder,
    private readonly timeMs: number,
    /** A message was let go, undecided. */
    private readonly onDropped: (reason: string) => void,
  ) {}

  run(): void {
    const { batch } = this;
    while (batch.roomy && this.takeForeign());
    while (batch.roomy && this.takeMessage());
    while (batch.roomy && this.takeCommand());
    while (batch.roomLeft > 0 && this.takePlan());
  }

  /** Inputs moved on and nothing came of them: said in the log, so that a new owner need not read them again. */
  progress(): void {
    const { name } = this.work.context;
    const event = { type: 'journal.progress', tenantId: systemTenant, subject: name, data: {} };
    this.add([event as unknown as Decided<Own>], () => systemCause(`system:${name}`), null);
    this.batch.cover(this.inputs.coverage.covered);
  }

  private takeForeign(): boolean {
    const { queues, parking, coverage } = this.inputs;
    const input = queues.foreign.peek();
    if (!input) return false;
    if (input.kind === 'poison' && !parking.park('foreign', input.record, input.reason)) return false;
    if (input.kind === 'claim') this.work.context.foreignClaimed?.(this.work.state, this.timeMs);
    if (input.kind === 'fact' && !this.takeFact(input)) return false;
    queues.foreign.take();
    coverage.foreignTaken(input.at, !isHousekeeping(input));
    this.batch.cover(coverage.covered);
    return true;
  }

  /** False when it must wait: for a batch of its own, or, being poison, until the dead letters have it. */
  private takeFact({ event, at }: Extract<ForeignInput, { kind: 'fact' }>): boolean {
    const fact = event.fact as Fact<Foreign>;
    const flaw = this.work.view(fact, at);
    if (flaw !== null) return this.spoil(flaw);
    const decided = this.decide({ kind: 'foreign', fact });
    if (typeof decided === 'string') return this.spoil(decided);
    const actor = `system:${this.work.context.name}`;
    const because: Provenance = { ...event.provenance, actor, causationId: fact.id };
    // When the events do not fit, the batch is sent first and the input decided again. What would not
    // fit in an empty batch is left to the plan, which is level-based.
    return this.add(decided, () => because, null) || this.batch.size === 0;
  }

  private spoil(reason: string): false {
    this.inputs.queues.foreign.spoil(reason);
    return false;
  }

  private takeMessage(): boolean {
    const { messages } = this.inputs.queues;
    const waiting = messages.peek();
    if (!waiting) return false;
    const { message, ticket, cause } = waiting;
    const decided = this.decide({ kind: 'message', message });
    if (typeof decided === 'string') return this.dropMessage(`a message of ${cause} ${decided}`);
    const because = systemCause(cause);
    if (this.add(decided, () => because, null)) {
      messages.shift();
      this.tickets.push(ticket);
      return true;
    }
    if (this.batch.size > 0) return false;
    return this.dropMessage(`what a message of ${cause} asks for does not fit in one batch of events`);
  }

  /** It is not settled: nothing of it is in the log. */
  private dropMessage(reason: string): true {
    this.inputs.queues.messages.shift();
    this.onDropped(reason);
    return true;
  }

  private takeCommand(): boolean {
    const { queues, parking, coverage } = this.inputs;
    const input = queues.commands.peek();
    if (!input) return false;
    if (input.kind === 'poison') {
      if (!parking.park('commands', input.record, input.reason)) return false;
      const sender = senderOf(input.record);
      if (sender) this.refuse(sender, input.reason);
    }
    if (input.kind === 'command' && !this.answer(input.command)) return false;
    queues.commands.take();
    coverage.commandTaken(input.next, input.kind !== 'pass');
    this.batch.cover(coverage.covered);
    return true;
  }

  /** Decides a command. False when its events need a batch of their own, and this one must go first. */
  private answer(command: Command): boolean {
    const decided = this.decide({ kind: 'command', command });
    if (typeof decided === 'string') {
      this.refuse(command, decided);
      return true;
    }
    const because = (): Provenance => ({ ...command.provenance, causationId: command.id });
    if (this.add(decided, because, command.id)) return true;
    if (this.batch.size > 0) return false;
    this.refuse(command, 'what this command asks for does not fit in one batch of events');
    return true;
  }

  private refuse(command: { readonly id: string; readonly tenantId: string }, message: string): void {
    const refusal = {
      type: 'command.rejected',
      tenantId: command.tenantId,
      subject: command.id,
      data: { command_id: command.id, code: 'invalid', message: message.slice(0, 2000) },
    } as unknown as Decided<Own>;
    this.add([refusal], () => systemCause(command.id), command.id);
  }

  private takePlan(): boolean {
    const { context, state } = this.work;
    const because = (event: Decided): Provenance => systemCause(`system:${context.name}`, event.subject);
    // What does not fit by its bytes is asked for in smaller steps, or the same step would be tried for ever.
    for (let room = this.batch.roomLeft; room > 0; room >>= 1) {
      const planned = context.plan(state, this.timeMs, room);
      if (planned.length === 0) return false;
      if (this.add(planned, because, null)) return true;
    }
    return false;
  }

  /** What the rules say, or why they cannot: one that throws is a bug, and must not block everybody behind. */
  private decide(input: ContextInput<Message, Foreign>): Decided<Own>[] | string {
    const { context, state } = this.work;
    try {
      if (input.kind === 'message') context.observe(state, input.message, this.timeMs);
      return context.decide(state, input, this.timeMs);
    } catch (error: unknown) {
      return `cannot be decided: ${String(error)}`;
    }
  }

  /** Puts events into the batch and folds them. False when they do not fit: then nothing has happened. */
  private add(
    decided: readonly Decided<Own>[],
    because: (event: Decided) => Provenance,
    commandId: string | null,
  ): boolean {
    const { context, state } = this.work;
    const { timeMs } = this;
    const origins = this.batch.add(decided as readonly Decided[], timeMs, because, commandId);
    if (!origins) return false;
    decided.forEach((event, i) => {
      const fact = { ...event, id: (origins[i] as EventOrigin).id, timeMs } as unknown as Fact<Own>;
      context.evolve(state, fact);
      this.facts.push(fact);
    });
    return true;
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
