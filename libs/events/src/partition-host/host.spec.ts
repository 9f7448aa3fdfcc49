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
import { type LogRecord } from '@fluxforge/events/log';
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
const at = (topic: string) => ({ topic, partition: 0 });
const provenance = { actor: 'a', reason: null, causationId: 'c', correlationId: 'c', traceparent: null };

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

class Bench {
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
class Node {
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

const many = (n: number) => Array.from({ length: n }, (_, i) => `c${i}`);

describe('the partition host', () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('decides commands in log order, once each, also across a takeover', () => {
    many(7).forEach((id) => bench.command(id));
    a.lead();
    bench.command('c7');
    b.lead(2);
    expect(bench.truth()).toEqual(many(8));
    a.tickAfter(1500);
    expect(a.fallen).toEqual(['a newer claim']);
  });

  it('lets no effect out before its event is committed, and none of a void batch', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    expect(a.effects).toEqual(['resume with 0 and 0']);
    const out = a.take('append');
    b.lead(2);
    a.carryOut(out);
    a.run();
    expect(a.effects).toEqual(['resume with 0 and 0']);
    expect(b.effects).toEqual(['resume with 0 and 0', 'c0 of 1']);
    expect(bench.truth()).toEqual(['c0']);
  });

  it('says with each effect where its event lies', () => {
    a.lead();
    bench.command('c0');
    bench.command('c1');
    a.run();
    expect(a.offsets).toEqual([null, 1, 2]);
  });

  it('holds effects back while it has not seen the log for long', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    const out = a.take('append');
    bench.nowMs += 5000;
    a.carryOut(out);
    expect(a.host.fresh(bench.nowMs)).toBe(false);
    a.held.add('probe');
    a.run();
    expect(a.effects).toHaveLength(1);
    a.held.clear();
    a.tickAfter(1);
    expect(a.effects.at(-1)).toBe('c0 of 1');
  });

  it('settles a message only when all that it led to is committed', () => {
    a.lead();
    a.held.add('append');
    expect(a.host.offer('m1', 11, 'agent', bench.nowMs)).toBe(true);
    expect(a.host.offer('m2', 12, 'agent', bench.nowMs)).toBe(true);
    a.run();
    expect(a.settled).toEqual([]);
    a.carryOut(a.take('append'));
    a.run();
    expect(a.settled).toEqual([11]);
    a.carryOut(a.take('append'));
    a.run();
    expect(a.settled).toEqual([11, 12]);
  });

  it('lets a message go whose rule throws, unsettled and not in silence, and goes on', () => {
    bench.context.throwOn = 'm1';
    a.lead();
    for (const [i, message] of ['m0', 'm1', 'm2'].entries()) a.host.offer(message, i, 'agent', bench.nowMs);
    a.run();
    expect(a.settled).toEqual([0, 2]);
    expect(a.dropped).toHaveLength(1);
    expect(bench.truth()).toEqual(['m0', 'm2']);
  });

  it('takes no messages while it does not decide, and forgets those of a term that ended', () => {
    expect(a.host.offer('m0', 1, 'agent', bench.nowMs)).toBe(false);
    a.lead();
    a.held.add('append');
    a.host.offer('m1', 2, 'agent', bench.nowMs);
    a.run();
    a.host.appendFailed(a.take('append').id, 'unknown', bench.nowMs);
    a.held.clear();
    a.tickAfter(1000);
    expect(a.settled).toEqual([]);
    expect(bench.truth()).toEqual([]);
  });

  it('refuses messages above its bound instead of growing', () => {
    const small = new Node(bench, 'small', { maxQueuedMessages: 2 }).lead();
    small.held.add('append');
    const taken = [1, 2, 3, 4].map((ticket) => small.host.offer(`m${ticket}`, ticket, 'x', bench.nowMs));
    expect(taken).toEqual([true, true, true, false]);
  });

  it('rebuilds the foreign view before it decides, and takes what comes after as inputs', () => {
    bench.foreign('f0', 'ask1');
    a.lead();
    expect(bench.truth()).toEqual(['of-ask1']);
    bench.foreign('f2');
    b.lead(2);
    expect(b.host.view.foreign).toEqual(['f0', 'ask1', 'f2']);
    expect(b.effects[0]).toBe('resume with 1 and 2');
    expect(bench.truth().filter((subject) => subject !== 'tasks')).toEqual(['of-ask1']);
  });

  it('stops when the other context has another history than what it covered', () => {
    bench.foreign('ask0', 'ask1');
    a.lead();
    bench.core.truncate(at('foreign'), 0);
    bench.foreign('ask0', 'other');
    b.lead(2);
    expect(b.stopped).toEqual(['the other context has another history than the one that is covered']);
  });

  it('covers inputs that gave no event by a progress record, at most once a second', () => {
    a.lead();
    bench.foreign('f0');
    a.run();
    expect(a.host.position?.seq).toBe(1);
    for (let i = 1; i < 20; i++) {
      bench.foreign(`f${i}`);
      a.tickAfter(100);
    }
    expect(a.host.position?.seq).toBeLessThanOrEqual(3);
    b.lead(2);
    expect(b.host.view.foreign).toHaveLength(20);
  });

  it('does not answer the progress of the other context with progress of its own, for ever', () => {
    bench.foreign('f0');
    a.lead().tickAfter(2_000);
    const { seq } = a.host.position!;
    for (let i = 0; i < 5; i++) {
      bench.foreignProgress();
      a.tickAfter(2_000);
    }
    expect(a.host.position?.seq).toBe(seq);
    bench.foreign('f1');
    a.tickAfter(2_000);
    expect(a.host.position?.seq).toBe(seq + 1);
  });

  it('parks a poison command, answers its sender, and goes on', () => {
    bench.command('c0');
    bench.poison('bad');
    bench.command('c1');
    a.held.add('dead-letter');
    a.lead();
    expect(bench.truth()).toEqual(['c0']);
    const letter = a.take('dead-letter');
    a.host.parked('commands', letter.record.offset + 7, bench.nowMs);
    expect(a.run().host.queued.commands).toBeGreaterThan(0);
    a.held.clear();
    a.carryOut(letter);
    a.run();
    expect(bench.truth()).toEqual(['c0', 'bad', 'c1']);
  });

  it('answers a command whose rule throws, and goes on', () => {
    bench.context.throwOn = 'c1';
    many(3).forEach((id) => bench.command(id));
    a.lead();
    expect(bench.truth()).toEqual(many(3));
    const refused = bench.core.read(at('own'), 0, Infinity).records.map((r) => r.headers[header.type]);
    expect(refused).toContain('command.rejected.v1');
  });

  it.each([
    ['decides', 'throwOn'],
    ['folds', 'throwOnView'],
  ] as const)('parks what the other context said when the rule that %s it throws, and goes on', (_, rule) => {
    bench.context[rule] = 'ask1';
    bench.foreign('ask0', 'ask1', 'ask2');
    a.held.add('dead-letter');
    a.lead().tickAfter(50);
    expect(bench.truth()).toEqual(['of-ask0']);
    const letter = a.take('dead-letter');
    expect(letter).toMatchObject({
      source: 'foreign',
      reason: expect.stringContaining('a bug in a') as string,
    });
    a.held.clear();
    a.carryOut(letter);
    a.run().tickAfter(2_000);
    expect(bench.truth()).toEqual(['of-ask0', 'of-ask2']);
    expect(a.stopped).toEqual([]);
    bench.context.throwOn = '';
    b.lead(2).tickAfter(2_000);
    expect(b.host.view.foreign).toEqual(a.host.view.foreign);
    expect(bench.truth().filter((subject) => subject !== 'tasks')).toEqual(['of-ask0', 'of-ask2']);
  });

  it('stops at an event of its own that cannot be folded, instead of going on without it', () => {
    many(3).forEach((id) => bench.command(id));
    a.lead();
    bench.context.throwOnFold = 'c1';
    b.lead(2).tickAfter(2_000);
    expect(b.stopped).toEqual([expect.stringContaining('cannot fold command.accepted at 2')]);
    expect(b.host.leading).toBe(false);
    expect(bench.core.end(at('own'))).toBe(4);
  });

  it('stops when its plan throws', () => {
    bench.context.throwOn = 'plan';
    a.lead();
    expect(a.stopped).toEqual([expect.stringContaining('a bug in the plan')]);
    expect(a.host.leading).toBe(false);
  });

  it('gives an input whose events do not fit a batch of its own, or refuses it by an event', () => {
    const small = new Node(bench, 'small', { maxBatchRecords: 8 });
    bench.context.perCommand = 6;
    bench.command('c0');
    bench.command('c1');
    small.lead();
    expect(bench.truth().filter((id) => !id.includes('-'))).toEqual(['c0', 'c1']);
    bench.context.perCommand = 9;
    bench.command('c2');
    small.run();
    expect(bench.truth().at(-1)).toBe('c2');
  });

  it('cuts a planned step down until its bytes fit', () => {
    const small = new Node(bench, 'small', { maxBatchBytes: 12_000 });
    bench.context.planned = many(12);
    bench.context.planSize = 2_000;
    small.lead().tickAfter(50);
    for (let i = 0; i < 12; i++) small.tickAfter(50);
    expect(bench.truth()).toEqual(many(12));
  });

  it('counts headers in the size of a batch, so that long reasons cannot make it too large for the log', () => {
    const small = new Node(bench, 'small', { maxBatchBytes: 40_000 });
    small.held.add('append');
    small.lead();
    small.carryOut(small.take('append'));
    many(40).forEach((id) => bench.command(id, 'ä'.repeat(2000)));
    small.run();
    let largest = 0;
    for (let out = small.take('append'); out; out = small.take('append')) {
      largest = Math.max(largest, bytesOf(out.records));
      small.carryOut(out);
      small.run();
    }
    expect(largest).toBeGreaterThan(4_000);
    expect(largest).toBeLessThan(40_000);
    expect(bench.truth()).toEqual(many(40));
  });

  it('begins at a snapshot, and needs none', () => {
    many(4).forEach((id) => bench.command(id));
    a.lead();
    const position = a.host.position!;
    bench.snapshot = {
      position,
      commands: 4,
      foreign: startOfLog,
      lastEventMs: bench.nowMs,
      state: JSON.stringify({ counted: many(4), seen: [], foreign: [], plan: [] }),
    };
    bench.command('c4');
    b.lead(2);
    expect(b.host.view.counted).toEqual(many(5));
    bench.snapshot = null;
    const c = new Node(bench, 'c').lead(3);
    expect(c.host.view.counted).toEqual(many(5));
  });

  it('does not let a snapshot that comes late replace the state in use', () => {
    a.held.add('load-snapshot');
    a.lead();
    a.host.revoked();
    a.lead(2);
    expect(a.queue.filter(({ kind }) => kind === 'load-snapshot')).toHaveLength(2);
    bench.command('c0');
    a.host.snapshot(null);
    a.run();
    expect(a.host.view.counted).toEqual(['c0']);
    const late = { position: startOfLog, commands: 0, foreign: startOfLog, lastEventMs: 0 };
    a.host.snapshot({ ...late, state: JSON.stringify(bench.context.initial()) });
    expect(a.host.view.counted).toEqual(['c0']);
  });

  it('never writes a time below that of the event before it, whatever its clock says', () => {
    a.lead();
    bench.command('c0');
    a.run();
    bench.nowMs -= 5000;
    bench.command('c1');
    b.lead(2);
    const times = bench.core
      .read(at('own'), 0, Infinity)
      .records.filter((record) => record.headers[header.seq])
      .map((record) => decodeEvent(record).fact.timeMs);
    expect(times).toEqual([10_000, 10_000]);
  });

  it('gathers what comes while a batch is out into the next one', () => {
    a.lead();
    a.held.add('append');
    bench.command('c0');
    a.run();
    many(9).forEach((id) => bench.command(`x${id}`));
    a.run();
    const first = a.take('append');
    expect(first.records).toHaveLength(1);
    a.carryOut(first);
    a.run();
    expect(a.take('append').records).toHaveLength(9);
  });
});

function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, { value, headers }) => {
    const texts = Object.entries(headers).flat();
    return sum + (value?.length ?? 0) + texts.reduce((all, text) => all + Buffer.byteLength(text), 0);
  }, 0);
}
