import {
  type Command,
  type ContextInput,
  type Decided,
  type Fact,
  type JournalEventBody,
} from '@fluxforge/events/catalogue';
import { encodeCommand, encodeEvent, decodeEvent, header } from '@fluxforge/events/envelope';
import { InMemoryLogCore } from '@fluxforge/events/in-memory';
import { JournalReader, sealBatch, startOfLog } from '@fluxforge/events/journal';
import {
  defaultHostLimits,
  PartitionHost,
  type HostContext,
  type HostRequest,
  type HostSettings,
  type Snapshot,
  type Source,
} from './index.js';

const topics = { own: 'own', commands: 'commands', foreign: 'foreign' } as const;
export const at = (topic: string) => ({ topic, partition: 0 });
const provenance = {
  actor: 'a',
  reason: null,
  causationId: 'c',
  correlationId: 'c',
  traceparent: null,
};

/** Counts what it is told: commands and messages give `command.accepted`, the plan is set by the test. */
interface Counter {
  counted: string[];
  seen: string[];
  foreign: string[];
  plan: string[];
}
type Own = JournalEventBody;
type Effect = string;

function done(id: string, size = 0): Decided<Own> {
  const to = { tenantId: 't1', subject: id };
  if (size === 0) return { type: 'command.accepted', ...to, data: { command_id: id } };
  const data = { command_id: id, code: 'invalid', message: 'x'.repeat(size) } as const;
  return { type: 'command.rejected', ...to, data };
}

class CounterContext implements HostContext<Counter, string, Effect, Own, Own> {
  readonly name = 'tasks';
  /** How many events each command gives. */
  perCommand = 1;
  planSize = 0;
  throwOn = '';
  throwOnFold = '';
  throwOnView = '';
  planned: string[] = [];
  rooms: number[] = [];

  initial(): Counter {
    return { counted: [], seen: [], foreign: [], plan: [] };
  }
  evolve(state: Counter, fact: Fact<Own>): void {
    if (fact.subject === this.throwOnFold) throw new Error('a bug in a fold');
    if (fact.type.startsWith('command.')) state.counted.push(fact.subject);
  }
  evolveForeign(state: Counter, fact: Fact<Own>): void {
    if (fact.subject === this.throwOnView) throw new Error('a bug in a fold');
    state.foreign.push(fact.subject);
  }
  observe(state: Counter, message: string): void {
    state.seen.push(message);
  }
  decide(_state: Counter, input: ContextInput<string, Own>): Decided<Own>[] {
    if (input.kind === 'foreign' && input.fact.subject === this.throwOn) throw new Error('a bug in a rule');
    if (input.kind === 'foreign')
      return input.fact.subject.startsWith('ask') ? [done(`of-${input.fact.subject}`)] : [];
    if (input.kind === 'message' && input.message === this.throwOn) throw new Error('a bug in a rule');
    if (input.kind === 'message') return input.message.startsWith('quiet') ? [] : [done(input.message)];
    if (input.command.id === this.throwOn) throw new Error('a bug in a rule');
    return Array.from({ length: this.perCommand }, (_, i) =>
      done(i === 0 ? input.command.id : `${input.command.id}-${i}`),
    );
  }
  plan(state: Counter, _now: number, room: number): Decided<Own>[] {
    this.rooms.push(room);
    if (this.throwOn === 'plan') throw new Error('a bug in the plan');
    return this.planned
      .filter((id) => !state.counted.includes(id))
      .slice(0, room)
      .map((id) => done(id, this.planSize));
  }
  wakeAtMs(): number | null {
    return null;
  }
  effects(state: Counter, fact: Fact<Own>): Effect[] {
    return [`${fact.subject} of ${state.counted.length}`];
  }
  pulse(): Effect[] {
    return [];
  }
  resume(state: Counter): Effect[] {
    return [`resume with ${state.counted.length} and ${state.foreign.length}`];
  }
  serialize(state: Counter): string {
    return JSON.stringify(state);
  }
  deserialize(text: string): Counter | null {
    return JSON.parse(text) as Counter | null;
  }
}

type Request = HostRequest<Effect>;

export class Bench {
  readonly core = new InMemoryLogCore();
  readonly context = new CounterContext();
  nowMs = 10_000;
  snapshot: Snapshot | null = null;

  constructor() {
    for (const topic of Object.values(topics)) this.core.createTopic(topic, 1);
  }

  command(id: string, reason: string | null = null): void {
    const command = {
      type: 'task.cancel',
      id,
      tenantId: 't1',
      provenance: { ...provenance, reason },
      data: { task_id: 'x' },
    } as Command;
    this.core.append(at('commands'), [encodeCommand(command, this.nowMs)], this.nowMs);
  }

  poison(id: string): void {
    const headers = { [header.id]: id, [header.tenant]: 't1', [header.type]: 'no.such.v1' };
    this.core.append(at('commands'), [{ key: 't1', value: Buffer.from('{}'), headers }], this.nowMs);
  }

  /** The other context commits events, under a claim of its own. */
  foreign(...subjects: string[]): void {
    this.foreignEvents(subjects.map((subject) => done(subject)));
  }

  foreignProgress(): void {
    this.foreignEvents([{ type: 'journal.progress', tenantId: 'system', subject: 'states', data: {} }]);
  }

  private foreignEvents(events: readonly Decided<Own>[]): void {
    const reader = new JournalReader(startOfLog);
    const origin = { context: 'states', timeMs: 0, provenance, commandId: null } as const;
    if (this.core.end(at('foreign')) === 0) {
      const claim = encodeEvent(
        { type: 'journal.claimed', tenantId: 'system', subject: 'f', data: { address: '', generation: 1 } },
        { ...origin, id: 'claim' },
      );
      const headers = { ...claim.headers, [header.term]: '1.1', [header.owner]: 'f' };
      this.core.append(at('foreign'), [{ ...claim, headers }], this.nowMs);
    }
    for (const record of this.core.read(at('foreign'), 0, Infinity).records) reader.read(record);
    const { records } = sealBatch(
      reader.position,
      events.map((event, i) => ({
        record: encodeEvent(event, { ...origin, id: `${event.subject}-${reader.position.next + i}` }),
        covered: { commands: 0, foreign: startOfLog },
      })),
    );
    this.core.append(at('foreign'), records, this.nowMs);
  }

  /** Subjects of the accepted events, in order. */
  truth(): string[] {
    const reader = new JournalReader(startOfLog);
    const subjects: string[] = [];
    for (const record of this.core.read(at('own'), 0, Infinity).records) {
      if (reader.read(record).kind === 'accepted') subjects.push(decodeEvent(record).fact.subject);
    }
    expect(reader.halted).toBeNull();
    return subjects;
  }
}

/** A host with its runner's duties done at once, except for kinds that a test holds back. */
export class Node {
  readonly host: PartitionHost<Counter, string, Effect, Own, Own>;
  readonly queue: Request[] = [];
  readonly effects: string[] = [];
  readonly offsets: (number | null)[] = [];
  readonly settled: number[] = [];
  readonly dropped: string[] = [];
  readonly fallen: string[] = [];
  readonly stopped: string[] = [];
  held = new Set<Request['kind']>();
  private readonly follows: Partial<Record<Source, number>> = {};

  constructor(
    readonly bench: Bench,
    ownerId: string,
    limits: Partial<HostSettings> = {},
  ) {
    this.host = new PartitionHost(bench.context, {
      ...defaultHostLimits,
      context: 'tasks',
      partition: 0,
      ownerId,
      address: ownerId,
      epoch: 1,
      ...limits,
    });
  }

  run(): this {
    for (;;) {
      this.queue.push(...this.host.drain());
      const next = this.queue.findIndex((request) => !this.held.has(request.kind));
      if (next >= 0) this.carryOut(this.queue.splice(next, 1)[0]!);
      else if (!this.feed()) return this;
    }
  }

  tickAfter(ms: number): this {
    this.bench.nowMs += ms;
    this.host.tick(this.bench.nowMs);
    return this.run();
  }

  lead(generation = 1): this {
    this.host.assigned(generation, this.bench.nowMs);
    return this.run();
  }

  take<K extends Request['kind']>(kind: K): Extract<Request, { kind: K }> {
    const found = this.queue.findIndex((request) => request.kind === kind);
    return this.queue.splice(found, 1)[0] as Extract<Request, { kind: K }>;
  }

  private feed(): boolean {
    for (const source of ['commands', 'foreign'] as const) {
      const from = this.follows[source];
      if (from === undefined || from >= this.bench.core.end(at(source))) continue;
      const batch = this.bench.core.read(at(source), from, 3);
      this.follows[source] = batch.next;
      this.host.feed(source, batch, this.bench.nowMs);
      return true;
    }
    return false;
  }

  carryOut(request: Request): void {
    const { core, nowMs } = this.bench;
    switch (request.kind) {
      case 'append':
        return this.host.appended(request.id, core.append(at('own'), request.records, nowMs), nowMs);
      case 'read':
        return this.host.readDone(request.id, core.read(at('own'), request.from, 5), nowMs);
      case 'probe':
        return this.host.probed(request.id, core.end(at('own')), nowMs);
      case 'load-snapshot':
        return this.host.snapshot(this.bench.snapshot);
      case 'follow':
        this.follows[request.source] = request.from;
        return;
      case 'unfollow':
        delete this.follows[request.source];
        return;
      case 'dead-letter':
        if (request.source !== 'own') this.host.parked(request.source, request.record.offset, nowMs);
        return;
      case 'effects':
        for (const { effect, offset } of request.effects) {
          this.effects.push(effect);
          this.offsets.push(offset);
        }
        return;
      case 'settle':
        this.settled.push(...request.tickets);
        return;
      case 'fallen':
        this.fallen.push(request.reason);
        return;
      case 'stopped':
        this.stopped.push(request.reason);
        return;
      case 'message-dropped':
        this.dropped.push(request.reason);
        return;
      case 'leading':
      case 'deciding':
        return;
    }
  }
}
export const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `c${i}`);
