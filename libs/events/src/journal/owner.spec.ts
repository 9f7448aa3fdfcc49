import { encodeEvent, header } from '@fluxforge/events/envelope';
import { InMemoryLogCore } from '@fluxforge/events/in-memory';
import { type LogRecord } from '@fluxforge/events/log';
import {
  JournalOwner,
  JournalReader,
  newOwnerId,
  startOfLog,
  type JournalRequest,
  type Pending,
} from './index.js';

const tp = { topic: 'events', partition: 0 };
const provenance = { actor: 'a', reason: null, causationId: 'c', correlationId: 'c', traceparent: null };

function event(name: string): Pending {
  const record = encodeEvent(
    { type: 'journal.progress', tenantId: 'system', subject: name, data: {} },
    { context: 'tasks', id: name, timeMs: 0, provenance, commandId: null },
  );
  return { record, covered: { commands: 0, foreign: startOfLog } };
}

/** One partition, and how its answers come: at once, unless a test takes them into its own hands. */
class Bench {
  readonly core = new InMemoryLogCore();
  nowMs = 1000;

  constructor() {
    this.core.createTopic('events', 1);
  }

  /** What every reader of the log believes. */
  truth(): { names: string[]; reader: JournalReader } {
    const reader = new JournalReader(startOfLog);
    const names: string[] = [];
    for (const record of this.core.read(tp, 0, Infinity).records) {
      if (reader.read(record).kind === 'accepted') names.push(record.headers[header.subject]!);
    }
    return { names, reader };
  }
}

class Node {
  readonly requests: JournalRequest[] = [];
  readonly said: string[] = [];
  readonly owner: JournalOwner;
  /** Requests of these kinds wait for the test. */
  held = new Set<JournalRequest['kind']>();

  constructor(
    private readonly bench: Bench,
    readonly id: string,
    epoch = 1,
  ) {
    this.owner = new JournalOwner(
      {
        context: 'tasks',
        partition: 0,
        ownerId: id,
        address: `${id}:1`,
        epoch,
        confirmIntervalMs: 2000,
        backoffBaseMs: 100,
        backoffMaxMs: 1000,
      },
      {
        request: (request) => this.requests.push(request),
        onRestart: () => this.owner.begin(startOfLog),
        onAccepted: (record) => this.said.push(`folded ${record.headers[header.subject]}`),
        onLeading: (offset) => this.said.push(`leading ${offset}`),
        onCommitted: (base) => this.said.push(`committed ${base}`),
        onFallen: (reason) => this.said.push(`fallen: ${reason}`),
        onStopped: (reason) => this.said.push(`stopped: ${reason}`),
      },
    );
  }

  /** Carries out what is wanted, until nothing more is. */
  run(): this {
    for (let next = this.take(); next; next = this.take()) this.carryOut(next);
    return this;
  }

  private take(): JournalRequest | undefined {
    const at = this.requests.findIndex((request) => !this.held.has(request.kind));
    return at < 0 ? undefined : this.requests.splice(at, 1)[0];
  }

  carryOut(request: JournalRequest): void {
    const { core, nowMs } = this.bench;
    if (request.kind === 'append')
      this.owner.appended(request.id, core.append(tp, request.records, nowMs), nowMs);
    if (request.kind === 'read') this.owner.readDone(request.id, core.read(tp, request.from, 2), nowMs);
    if (request.kind === 'probe') this.owner.probed(request.id, core.end(tp), nowMs);
  }

  lead(generation = 1): this {
    this.owner.assigned(generation, this.bench.nowMs);
    return this.run();
  }

  commit(...names: string[]): this {
    this.owner.commit(names.map(event), this.bench.nowMs);
    return this.run();
  }

  /** The one append that is out, taken from the queue. */
  appendOut(): Extract<JournalRequest, { kind: 'append' }> {
    const at = this.requests.findIndex((request) => request.kind === 'append');
    return this.requests.splice(at, 1)[0] as Extract<JournalRequest, { kind: 'append' }>;
  }

  tickAfter(ms: number): this {
    this.bench.nowMs += ms;
    this.owner.tick(this.bench.nowMs);
    return this.run();
  }

  get last(): string | undefined {
    return this.said.at(-1);
  }
}

function append(bench: Bench, records: readonly LogRecord[]): number {
  return bench.core.append(tp, records, bench.nowMs);
}

describe('the owner of a partition', () => {
  let bench: Bench;
  let a: Node;
  let b: Node;

  beforeEach(() => {
    bench = new Bench();
    a = new Node(bench, 'a');
    b = new Node(bench, 'b');
  });

  it('reads, claims, commits; another one folds what was committed and claims above it', () => {
    a.lead().commit('e1', 'e2').commit('e3');
    expect(a.said).toEqual(['leading 0', 'committed 1', 'committed 3']);
    b.lead();
    expect(b.said).toEqual(['folded e1', 'folded e2', 'folded e3', 'leading 4']);
    expect(b.owner.terms).toEqual({ epoch: 1, term: 2 });
    expect(bench.truth().names).toEqual(['e1', 'e2', 'e3']);
  });

  it('falls when another claim lies before its batch, and nothing of the batch counts', () => {
    a.lead().commit('e1');
    b.lead();
    a.commit('void');
    expect(a.last).toBe('fallen: a newer claim');
    b.commit('e2');
    expect(bench.truth().names).toEqual(['e1', 'e2']);
    expect(b.last).toBe('committed 4');
  });

  it('goes on when only void records lie in between, having compared its own', () => {
    a.lead().commit('e1');
    const stale = bench.core.read(tp, 1, 1).records;
    append(bench, stale);
    a.commit('e2');
    expect(a.last).toBe('committed 3');
    expect(a.owner.fresh(bench.nowMs)).toBe(true);
    expect(bench.truth().names).toEqual(['e1', 'e2']);
  });

  it('names the place of the copy that counts when the log holds its batch twice', () => {
    a.lead();
    a.held.add('append');
    a.commit('e1', 'e2');
    const out = a.appendOut();
    expect(append(bench, out.records)).toBe(1);
    a.owner.appended(out.id, append(bench, out.records), bench.nowMs);
    a.run();
    expect(a.last).toBe('committed 1');
  });

  it.each(['unknown', 'not-written'] as const)('claims again after a claim whose append is %s', (failure) => {
    a.held.add('append');
    a.lead();
    const out = a.appendOut();
    if (failure === 'unknown') append(bench, out.records);
    a.owner.appendFailed(out.id, failure, bench.nowMs);
    a.held.clear();
    a.tickAfter(200);
    expect(a.owner.terms.term).toBe(2);
    expect(a.said).toEqual([failure === 'unknown' ? 'leading 1' : 'leading 0']);
  });

  it('never tries a term twice: a claim that lands late is void', () => {
    a.held.add('append');
    a.lead();
    const late = a.appendOut();
    a.owner.appendFailed(late.id, 'unknown', bench.nowMs);
    a.held.clear();
    a.tickAfter(200).commit('e1');
    append(bench, late.records);
    a.commit('e2');
    expect(bench.truth().names).toEqual(['e1', 'e2']);
    expect(a.last).toBe('committed 3');
  });

  it.each([true, false])(
    'ends its term when an append is unknown (landed: %s), and takes what the log says',
    (landed) => {
      a.lead();
      a.held.add('append');
      a.commit('maybe');
      const out = a.appendOut();
      if (landed) append(bench, out.records);
      a.owner.appendFailed(out.id, 'unknown', bench.nowMs);
      expect(a.last).toBe('fallen: append outcome unknown');
      a.held.clear();
      a.tickAfter(200);
      if (!landed) append(bench, out.records);
      expect(a.said.slice(2)).toEqual(landed ? ['folded maybe', 'leading 2'] : ['leading 1']);
      expect(bench.truth().names).toEqual(landed ? ['maybe'] : []);
    },
  );

  it('sends again what was surely not written, and gives up after a while', () => {
    a.lead();
    a.held.add('append');
    a.commit('e1');
    for (let i = 0; a.owner.state === 'committing' && i < 50; i++) {
      const out = a.appendOut();
      a.owner.appendFailed(out.id, 'not-written', bench.nowMs);
      a.tickAfter(150);
    }
    expect(a.said[1]).toBe('fallen: append outcome not-written');
  });

  it('is fresh only for a while after it saw the log, counted from the question', () => {
    a.lead().commit('e1');
    a.held.add('probe');
    expect(a.owner.fresh(bench.nowMs + 2000)).toBe(true);
    expect(a.owner.fresh(bench.nowMs + 2001)).toBe(false);
    a.tickAfter(1500);
    bench.nowMs += 5000;
    const probe = a.requests.shift()!;
    a.carryOut(probe);
    expect(a.owner.fresh(bench.nowMs)).toBe(false);
    a.held.clear();
    a.tickAfter(1);
    expect(a.owner.fresh(bench.nowMs)).toBe(true);
  });

  it('finds a rival by its probe, without committing anything', () => {
    a.lead();
    b.lead(2);
    a.tickAfter(1500);
    expect(a.last).toBe('fallen: a newer claim');
  });

  it('stands down until a heartbeat at the generation of the claim that beat it', () => {
    a.lead(1);
    b.lead(2);
    a.tickAfter(1500).tickAfter(60_000);
    expect(a.owner.state).toBe('waiting');
    a.owner.heartbeat(1, bench.nowMs);
    expect(a.owner.state).toBe('waiting');
    a.owner.heartbeat(2, bench.nowMs);
    a.run();
    expect(a.last).toBe('leading 2');
  });

  it('does not claim over an owner that was placed later than it last heard of', () => {
    b.lead(5);
    a.lead(4);
    expect(a.said.at(-1)).toBe('fallen: placed elsewhere since');
    a.owner.assigned(6, bench.nowMs);
    a.tickAfter(1000);
    expect(a.owner.state).toBe('leading');
  });

  it('is not locked out for ever when the group began anew at generation 1', () => {
    b.lead(57).commit('e1');
    a.lead(1);
    expect(a.owner.state).toBe('waiting');
    a.owner.heartbeat(1, bench.nowMs);
    a.tickAfter(2000);
    expect(a.owner.state).toBe('waiting');
    a.owner.heartbeat(1, bench.nowMs);
    a.run();
    expect(a.owner.state).toBe('leading');
    expect(a.said).toContain('folded e1');
  });

  it.each(['by a commit', 'by a probe'])('stops when the log was truncated, as it learns %s', (way) => {
    a.lead().commit('e1', 'e2');
    bench.core.truncate(tp, 1);
    if (way === 'by a commit') a.commit('e3');
    else a.tickAfter(1500);
    expect(a.last).toMatch(/^stopped: the log was truncated/);
  });

  it('stops on corruption instead of claiming over it', () => {
    a.lead().commit('e1', 'e2');
    const [, jump] = bench.core.read(tp, 1, 2).records;
    bench.core.truncate(tp, 1);
    append(bench, [jump!]);
    b.lead();
    expect(b.last).toMatch(/^stopped: seq jumps/);
  });

  it('stops at a log of a higher epoch, and claims over a lower one', () => {
    new Node(bench, 'c', 2).lead();
    a.lead();
    expect(a.last).toMatch(/^stopped: the log is at epoch 2/);
    const d = new Node(bench, 'd', 3).lead();
    expect(d.owner.terms).toEqual({ epoch: 3, term: 1 });
  });

  it('believes neither of two claims at one term but the first', () => {
    a.held.add('append');
    b.held.add('append');
    a.lead();
    b.lead();
    const first = a.appendOut();
    const second = b.appendOut();
    a.owner.appended(first.id, append(bench, first.records), bench.nowMs);
    b.owner.appended(second.id, append(bench, second.records), bench.nowMs);
    b.run();
    expect(a.said).toEqual(['leading 0']);
    expect(b.said).toEqual(['fallen: the claim did not count']);
  });

  it('ignores answers of a term that is over', () => {
    a.lead();
    a.held.add('append');
    a.commit('e1');
    const out = a.appendOut();
    a.owner.revoked();
    a.owner.appended(out.id, append(bench, out.records), bench.nowMs);
    expect(a.owner.state).toBe('idle');
    expect(a.last).toBe('fallen: revoked');
    expect(bench.truth().names).toEqual(['e1']);
  });
});

describe('the id of an owner', () => {
  it('is drawn anew for each incarnation and fits a claim', () => {
    let drawn = 0;
    const ids = [1, 2].map(() => newOwnerId((count) => new Uint8Array(count).fill((drawn += 1))));
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[0]).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });
});
