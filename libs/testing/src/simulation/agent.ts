import { type LeaseRef, type RunReport } from '@fluxforge/domain/agent';
import {
  type CheckRequest,
  type CheckResult,
  type Labels,
  type Resources,
} from '@fluxforge/events/catalogue';
import { parseWork, type Work } from '../workload/index.js';
import { type Machines } from './machines.js';
import { type Down, keyText, type LeaseOrder, type Order, refOf, type Terms } from './messages.js';
import { type Client, type Connection, type Network, type Server } from './network.js';
import { Process } from './process.js';
import { type Prng } from './prng.js';
import { type Timeline } from './timeline.js';
import { type Witness } from './witness.js';

export interface AgentWorld {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly machines: Machines;
  readonly witness: Witness;
  readonly ids: Prng;
  server(address: string): Server | undefined;
  readonly addresses: readonly string[];
}

/** On disk: survives a crash. */
interface Held {
  readonly key: LeaseRef;
  readonly work: Work;
  report: { readonly id: string; readonly run: RunReport } | null;
}

interface Run {
  readonly held: Held;
  readonly leaseMs: number;
  readonly startedAtMs: number;
  /** By its own limit it should have been killed by then. */
  readonly limitAtMs: number;
  /** It does not die, whatever is done to it. */
  readonly isStuck: boolean;
  deadlineMs: number;
  over: boolean;
}

const watchEveryMs = 120;
const silenceMs = 1_200;
const resendEveryMs = 350;
const maxAnswers = 64;
/** Of the runs that reach their time limit. */
const stuck = 0.3;

/** An agent: its journal, its runs, its side of the control stream. The counterpart of `apps/agent`. */
export class Agent implements Client {
  process = new Process();
  labels: Labels;
  /** Whatever it is given fails: half of it is not even taken. */
  isSick = false;
  /** It finishes what it has, and says that it takes nothing new. */
  isStopping = false;
  private connection: Connection | null = null;
  private live = false;
  private heardAtMs = 0;
  private resentAtMs = 0;
  private hint = '';
  private terms: Terms = { epoch: 0, term: 0 };
  private readonly journal = new Map<string, Held>();
  /** The newest attempt of each task that this machine ever took; on disk. */
  private readonly newest = new Map<string, LeaseRef>();
  private runs = new Map<string, Run>();
  private answers: { nonce: number; sentAtMs: number; keys: string[] }[] = [];
  private grantBaseMs = 0;
  private readonly stuckPrng: Prng;

  constructor(
    private readonly world: AgentWorld,
    private readonly prng: Prng,
    readonly tenantId: string,
    readonly name: string,
    private readonly size: { readonly slots: number; readonly capacity: Resources | null },
    labels: Labels,
  ) {
    this.labels = labels;
    this.stuckPrng = prng.fork('stuck');
  }

  /** Agents of two tenants may have one name; they are two machines. */
  private get machine(): string {
    return `${this.tenantId}/${this.name}`;
  }

  start(): void {
    const { process } = this;
    this.dialSoon();
    const watch = (): void => {
      if (!process.alive) return;
      this.world.timeline.after(watchEveryMs, 'watch', watch);
      process.enter(() => this.watch());
    };
    this.world.timeline.after(this.prng.below(watchEveryMs), 'watch', watch);
  }

  /** kill -9: what is on disk stays. */
  crash(): void {
    this.process.kill();
    this.connection?.close();
    this.connection = null;
    this.live = false;
    this.runs = new Map();
    this.answers = [];
  }

  restart(): void {
    this.process = new Process();
    this.isStopping = false;
    for (const held of this.journal.values()) {
      held.report ??= { id: this.newId(), run: { outcome: 'interrupted' } };
    }
    this.start();
  }

  /** Whether the attempt runs within its own time: that of its lease, and that which any run of it has. */
  runsInTime(key: string): boolean {
    const run = this.runs.get(key);
    return run !== undefined && this.world.timeline.nowMs < Math.min(run.deadlineMs, run.limitAtMs);
  }

  get idle(): boolean {
    return this.journal.size === 0;
  }

  redial(): void {
    this.connection?.close();
    this.connection = null;
    this.live = false;
    this.dialSoon();
  }

  receive(connection: Connection, message: Down): void {
    if (connection !== this.connection) return;
    this.heardAtMs = this.world.timeline.nowMs;
    switch (message.kind) {
      case 'welcome':
        return this.greeted(message.terms);
      case 'orders':
        // A term that it was not greeted with is as little to be trusted as a lower one.
        if (!this.live || compare(message.terms, this.terms) !== 0) return;
        for (const order of message.orders) this.obey(order);
        return;
      case 'moved':
        this.hint = message.to;
        return this.redial();
      case 'refused':
        return this.redial();
    }
  }

  disconnected(connection: Connection): void {
    if (connection === this.connection) this.redial();
  }

  private dialSoon(): void {
    const { process } = this;
    this.world.timeline.after(this.prng.between(10, 250), 'dial', () =>
      process.enter(() => process === this.process && this.dial()),
    );
  }

  private dial(): void {
    if (this.connection) return;
    const address = this.hint === '' ? this.prng.pick(this.world.addresses) : this.hint;
    this.hint = '';
    const server = this.world.server(address);
    if (!server) return this.dialSoon();
    const { tenantId, name: agentId, labels } = this;
    const { slots, capacity } = this.size;
    this.connection = this.world.network.connect(this, server);
    this.heardAtMs = this.world.timeline.nowMs;
    this.connection.up({
      kind: 'hello',
      hello: { tenantId, agentId, labels, slots, capacity, executors: ['noop', 'shell'] },
    });
  }

  private watch(): void {
    const { nowMs } = this.world.timeline;
    for (const run of this.runs.values()) this.fence(run);
    if (this.connection && nowMs - this.heardAtMs > silenceMs) return this.redial();
    if (!this.live || nowMs - this.resentAtMs < resendEveryMs) return;
    this.resendAll();
  }

  private resendAll(): void {
    this.resentAtMs = this.world.timeline.nowMs;
    for (const held of this.journal.values()) this.resend(held);
  }

  private greeted(terms: Terms): void {
    if (compare(terms, this.terms) < 0) return this.redial();
    this.terms = terms;
    this.live = true;
    this.answers = [];
    this.grantBaseMs = this.world.timeline.nowMs;
    const held = [...this.journal.values()].map(({ key, report }) => ({ ...key, finished: report !== null }));
    this.connection?.up({ kind: 'inventory', terms, held });
    for (const run of this.runs.values()) {
      this.connection?.up({ kind: 'started', key: run.held.key, startedAtMs: run.startedAtMs });
    }
    this.resendAll();
  }

  private obey(order: Order): void {
    switch (order.kind) {
      case 'lease':
        return this.lease(order.lease);
      case 'cancel':
        return this.cancel(order.key);
      case 'drop':
        return this.drop(keyText(order.key));
      case 'heartbeat':
        return this.heartbeat(order.nonce);
      case 'grant':
        return this.granted(order.nonce, order.leaseMs);
      case 'ack':
        for (const [text, held] of this.journal)
          if (held.report?.id === order.reportId) this.journal.delete(text);
        return;
      case 'check':
        return this.check(order.checks);
    }
  }

  private lease(lease: LeaseOrder): void {
    const { nowMs } = this.world.timeline;
    const text = keyText(lease);
    const deadlineMs = this.grantBaseMs + lease.leaseMs;
    const held = this.journal.get(text);
    const run = this.runs.get(text);
    if (held?.report) return this.resend(held);
    if (run) {
      run.deadlineMs = Math.max(run.deadlineMs, deadlineMs);
      return;
    }
    const newest = this.newest.get(lease.taskId);
    if (newest && !isNewer(lease, newest)) return this.say(lease, { outcome: 'refused' });
    if (nowMs >= deadlineMs - marginMs(lease.leaseMs))
      return this.say(lease, { outcome: 'lease_expired', message: 'late' });
    if (this.runs.size >= this.size.slots) return this.say(lease, { outcome: 'refused' });
    if (nowMs > (lease.spec.not_after_ms ?? Infinity)) return this.say(lease, { outcome: 'refused' });
    if (this.isSick && this.prng.chance(0.5)) return this.say(lease, { outcome: 'refused' });
    for (const older of this.runs.values()) {
      if (older.held.key.taskId === lease.taskId) this.end(older, { outcome: 'cancelled' });
    }
    this.accept(lease, text, deadlineMs);
  }

  private accept(lease: LeaseOrder, text: string, deadlineMs: number): void {
    const { timeline, witness } = this.world;
    const work = parseWork(lease.spec.command);
    const held: Held = { key: refOf(lease), work, report: null };
    this.journal.set(text, held);
    this.newest.set(lease.taskId, held.key);
    const startedAtMs = timeline.nowMs;
    const { execution_timeout_ms: limitMs, kill_grace_ms: graceMs } = lease.spec;
    const timedOut = limitMs > 0 && work.durationMs > limitMs;
    const isStuck = timedOut && this.stuckPrng.chance(stuck);
    const limitAtMs = limitMs > 0 ? startedAtMs + limitMs + graceMs : Infinity;
    const own = { startedAtMs, limitAtMs, isStuck };
    const run: Run = { held, leaseMs: lease.leaseMs, ...own, deadlineMs, over: false };
    this.runs.set(text, run);
    witness.started(this.tenantId, this.name, held.key);
    this.connection?.up({ kind: 'started', key: held.key, startedAtMs });
    if (isStuck) return;
    const { process } = this;
    timeline.after(timedOut ? limitMs : work.durationMs, 'run-over', () =>
      process.enter(() => this.end(run, timedOut ? { outcome: 'timed_out' } : this.finish(work))),
    );
  }

  /** The work is done: what it changed on the machine, and how it came out. */
  private finish(work: Work): RunReport {
    if (work.kind === 'check') return { outcome: 'spawn_failed' };
    if (this.isSick) return { outcome: 'exited', exit_code: 1 };
    const exitCode =
      work.kind === 'run'
        ? work.exitCode
        : this.world.machines.apply(this.machine, work.stateId, work.generation);
    return exitCode < 0
      ? { outcome: 'signalled', signal: 'SIGKILL' }
      : { outcome: 'exited', exit_code: exitCode };
  }

  private end(run: Run, report: RunReport): void {
    if (run.over) return;
    run.over = true;
    const text = keyText(run.held.key);
    this.runs.delete(text);
    const durationMs = this.world.timeline.nowMs - run.startedAtMs;
    const full = { ...report, started_at_ms: run.startedAtMs, duration_ms: durationMs };
    run.held.report = { id: this.newId(), run: full };
    this.world.witness.ran(this.tenantId, this.name, run.held.key, full);
    this.resend(run.held);
  }

  private fence(run: Run): void {
    if (this.world.timeline.nowMs >= run.deadlineMs - marginMs(run.leaseMs)) {
      this.end(run, { outcome: 'lease_expired' });
    }
  }

  private cancel(key: LeaseRef): void {
    const text = keyText(key);
    const run = this.runs.get(text);
    if (run?.isStuck) return;
    if (run) return this.end(run, { outcome: 'cancelled' });
    const held = this.journal.get(text);
    if (held) return this.resend(held);
    this.connection?.up({ kind: 'not-held', key });
  }

  private drop(text: string): void {
    const run = this.runs.get(text);
    if (run) run.over = true;
    this.runs.delete(text);
    this.journal.delete(text);
  }

  private heartbeat(nonce: number): void {
    const running = [...this.runs.values()].map(({ held }) => held.key);
    this.answers.push({ nonce, sentAtMs: this.world.timeline.nowMs, keys: [...this.runs.keys()] });
    if (this.answers.length > maxAnswers) this.answers.shift();
    const freeSlots = Math.max(0, this.size.slots - this.runs.size);
    this.connection?.up({ kind: 'heartbeat', nonce, freeSlots, running, stopping: this.isStopping });
  }

  private granted(nonce: number, leaseMs: number): void {
    const answer = this.answers.find((one) => one.nonce === nonce);
    if (!answer || this.world.timeline.nowMs - answer.sentAtMs >= leaseMs) return;
    this.grantBaseMs = Math.max(this.grantBaseMs, answer.sentAtMs);
    for (const text of answer.keys) {
      const run = this.runs.get(text);
      if (run) run.deadlineMs = Math.max(run.deadlineMs, answer.sentAtMs + leaseMs);
    }
  }

  private check(checks: CheckRequest['checks']): void {
    const { process, connection } = this;
    const durationMs = this.prng.between(2, 60);
    this.world.timeline.after(durationMs, 'checked', () =>
      process.enter(() => {
        const results = checks.map((check): CheckResult => {
          const { state_id, generation, round, check_cmd } = check;
          const work = parseWork(check_cmd);
          const seen = this.world.machines.check(
            this.machine,
            state_id,
            work.kind === 'check' ? work.generation : 0,
          );
          this.world.witness.checked(this.tenantId, this.name, { state_id, round, ...seen });
          return { state_id, generation, round, duration_ms: durationMs, ...seen };
        });
        connection?.up({ kind: 'checked', results });
      }),
    );
  }

  private resend({ key, report }: Held): void {
    if (report && this.live) {
      this.connection?.up({ kind: 'result', key, reportId: report.id, run: report.run });
    }
  }

  /** Of a lease that was not taken: said once, and not kept. */
  private say(lease: LeaseRef, run: RunReport): void {
    const key = refOf(lease);
    this.connection?.up({ kind: 'result', key, reportId: this.newId(), run });
  }

  private newId(): string {
    return `r${this.world.ids.below(2 ** 31)}`;
  }
}

function marginMs(leaseMs: number): number {
  return Math.min(5_000, Math.max(150, leaseMs / 5));
}

function isNewer(a: LeaseRef, b: LeaseRef): boolean {
  return a.life > b.life || (a.life === b.life && a.attempt > b.attempt);
}

function compare(a: Terms, b: Terms): number {
  return a.epoch - b.epoch || a.term - b.term;
}
