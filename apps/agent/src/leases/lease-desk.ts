import {
  type AgentMessageBody,
  type Cancel,
  type Grant,
  HeldState,
  type HeldLease,
  type Lease,
  type LeaseKey,
  Outcome,
  Refusal,
  type Result,
  leaseKeyText,
} from '@fluxforge/agent-protocol';
import { type Logger } from '@fluxforge/telemetry';
import { type Ending, type Executor, type Job } from '../executors/index.js';
import { type HeldEntry, type Journal } from '../journal/index.js';
import { type Clock, errorText } from '../machine/index.js';
import { type OutputHub, type OutputSink, type OutputTotals } from '../output/index.js';
import { type Reporter } from '../reporter/index.js';
import { type AdmissionView, admit, isPast, newestOf } from './admission.js';
import { Grants } from './grants.js';
import { LeaseRun } from './lease-run.js';
import { leaseMarks } from './marks.js';
import { type StopCause, refusal, resultOfRun, resultWithoutRun } from './results.js';
import { fenceMarginMs } from './timing.js';

export interface LeaseDeskSettings {
  instance: string;
  bootId: string;
  slots: number;
  defaultGraceMs: number;
  defaultOutputBytes: number;
  executors: ReadonlyMap<string, Executor>;
  /** Low disk, beside what the journal itself knows. */
  hasDiskSpace: () => boolean;
}

export interface LeaseDeskParts {
  journal: Journal;
  reporter: Reporter;
  output: OutputHub;
  clock: Clock;
  send: (body: AgentMessageBody) => void;
  log: Logger;
}

type KeyedLease = Lease & { key: LeaseKey };

const noOutput: OutputTotals = { stdoutBytes: 0, stderrBytes: 0, truncated: false };

/** Takes leases, runs them within their time, and sees to it that each accepted one is reported. */
export class LeaseDesk {
  readonly grants = new Grants();
  private readonly runs = new Map<string, LeaseRun>();
  private draining = false;

  constructor(
    private readonly parts: LeaseDeskParts,
    private readonly settings: LeaseDeskSettings,
  ) {}

  take(lease: Lease): void {
    if (!hasKey(lease)) return this.refuse(lease, Refusal.INVALID, 'no key');
    this.fence();
    const view = this.viewOf(lease);
    const admission = admit(lease, view);
    switch (admission.kind) {
      case 'run':
        return this.accept(lease);
      case 'repeat_acceptance':
        // The server counts from this push, so the time may be extended; it is no second run.
        this.runs.get(leaseKeyText(lease.key))?.extend(this.grants.deadlineOfNewLease(lease.durationMs));
        return this.repeatAcceptance(lease);
      case 'repeat_result':
        this.sendAccepted(lease);
        return this.parts.reporter.resend(lease.key);
      case 'out_of_time':
        return this.parts.reporter.sendOnce(
          resultWithoutRun(lease, Outcome.LEASE_EXPIRED, this.wallMs(), 'arrived after its time'),
        );
      case 'refuse':
        return this.refuse(lease, admission.why, admission.detail);
    }
  }

  cancel({ key, reason }: Cancel): void {
    if (key === undefined) return;
    const text = leaseKeyText(key);
    const run = this.runs.get(text);
    if (run !== undefined) return run.stop('cancelled', reason);
    if (this.parts.journal.state.held.has(text)) return this.parts.reporter.resend(key);
    this.parts.send({ $case: 'notHeld', notHeld: { key } });
  }

  /** The server does not know them: stop, forget, and report nothing. */
  drop(keys: readonly LeaseKey[]): void {
    for (const key of keys) {
      const run = this.runs.get(leaseKeyText(key));
      if (run !== undefined) run.stop('dropped', 'unknown to the server');
      else if (this.parts.journal.state.held.has(leaseKeyText(key))) this.forget(key);
    }
  }

  granted({ nonce, durationMs }: Grant): void {
    const verdict = this.grants.granted(nonce, durationMs, this.parts.clock.monotonicMs());
    if (verdict.kind !== 'extend') {
      this.parts.log.warn({ nonce, verdict: verdict.kind }, 'grant refused');
      return;
    }
    for (const key of verdict.keys) this.runs.get(leaseKeyText(key))?.extend(verdict.deadlineMs);
  }

  /** To be called often: stops every lease whose time runs out. */
  fence(): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const run of this.runs.values()) run.fence(nowMs);
  }

  active(): LeaseKey[] {
    return [...this.runs.values()].map(({ lease }) => lease.key);
  }

  freeSlots(): number {
    return this.draining ? 0 : Math.max(0, this.settings.slots - this.runs.size);
  }

  get isDraining(): boolean {
    return this.draining;
  }

  inventory(): HeldLease[] {
    return [...this.parts.journal.state.held.values()].map(({ key, term, stage }) => ({
      key,
      term,
      state: heldStates[stage],
    }));
  }

  refuseLowerTerm(lease: Lease): void {
    this.refuse(lease, Refusal.LOWER_TERM);
  }

  /** Takes nothing more, stops what runs, resolves when all of it is over and journalled. */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    const runs = [...this.runs.values()];
    for (const run of runs) run.stop('draining', 'the agent was told to stop', graceMs);
    await Promise.all(runs.map(({ over }) => over));
  }

  private viewOf(lease: KeyedLease): AdmissionView {
    const { journal, clock } = this.parts;
    const { held, recent } = journal.state;
    const marginMs = fenceMarginMs(lease.durationMs);
    return {
      draining: this.draining,
      hasRoom: journal.hasRoom() && this.settings.hasDiskSpace(),
      slots: this.settings.slots,
      occupied: this.runs.size,
      held: held.get(leaseKeyText(lease.key)),
      newest: newestOf(lease.key, held.values(), recent),
      executor: this.settings.executors.get(lease.executor),
      wallMs: this.wallMs(),
      isOutOfTime: clock.monotonicMs() >= this.grants.deadlineOfNewLease(lease.durationMs) - marginMs,
    };
  }

  private accept(lease: KeyedLease): void {
    const { journal } = this.parts;
    const { key, term, executor } = lease;
    const older = [...this.runs.values()].filter((run) => run.lease.key.taskId === key.taskId);
    for (const run of older) run.stop('superseded', `attempt ${key.attempt} of the task came`);
    const deadlineMs = this.grants.deadlineOfNewLease(lease.durationMs);
    const run = new LeaseRun(lease, deadlineMs, lease.killGraceMs ?? this.settings.defaultGraceMs);
    this.runs.set(leaseKeyText(key), run);
    journal.append({ t: 'accepted', key, term, executor, bootId: this.settings.bootId });
    void this.follow(run, older).catch((error: unknown) => {
      this.parts.log.error({ task_id: key.taskId, error: errorText(error) }, 'a lease could not be followed');
    });
  }

  private async follow(run: LeaseRun, older: LeaseRun[]): Promise<void> {
    const { journal, log } = this.parts;
    try {
      await journal.commit();
    } catch (error) {
      log.error({ error: errorText(error) }, 'journal: a lease could not be written');
      this.release(run);
      this.forget(run.lease.key);
      return this.refuse(run.lease, Refusal.JOURNAL_FULL, errorText(error));
    }
    this.sendAccepted(run.lease);
    // Two attempts of one task never run side by side on one machine.
    await Promise.all(older.map(({ over }) => over));
    const result = await this.runToEnd(run);
    this.release(run);
    if (run.cause === 'dropped') return this.forget(run.lease.key);
    await this.parts.reporter.report(result);
  }

  private async runToEnd(run: LeaseRun): Promise<Result> {
    const { lease } = run;
    const problem = this.lastLook(run);
    if (problem !== undefined) return problem;
    const executor = this.settings.executors.get(lease.executor);
    if (executor === undefined) throw new Error(`executor ${lease.executor} vanished`);
    const sink = this.openOutput(lease);
    const startedAtMs = this.wallMs();
    const beganAtMs = performance.now();
    const execution = executor.run(this.jobOf(lease, sink));
    run.attach(execution);
    this.noteStart(lease, execution.process, startedAtMs);
    const ending: Ending = await execution.ended;
    const output = sink?.end() ?? noOutput;
    const durationMs = Math.round(performance.now() - beganAtMs);
    const times = { startedAtMs, endedAtMs: this.wallMs(), durationMs };
    const { cause, detail } = run;
    return resultOfRun({ lease, ending, cause, detail, times, output });
  }

  /** Between acceptance and start time has passed: an older attempt may have taken its grace to stop. */
  private lastLook(run: LeaseRun): Result | undefined {
    run.fence(this.parts.clock.monotonicMs());
    const { lease, cause, detail } = run;
    if (cause !== undefined) return resultWithoutRun(lease, neverStarted[cause], this.wallMs(), detail);
    if (isPast(lease.notAfterMs, this.wallMs())) {
      return refusal(lease, Refusal.NOT_AFTER_PASSED, this.wallMs());
    }
    return undefined;
  }

  private jobOf(lease: KeyedLease, sink: OutputSink | undefined): Job {
    const { command, surroundings, key } = lease;
    const marks = leaseMarks(this.settings.instance, key);
    if (lease.traceparent !== '') marks['TRACEPARENT'] = lease.traceparent;
    return {
      command,
      surroundings,
      marks,
      onOutput: (stream, bytes, resume) => sink?.write(stream, bytes, resume) ?? true,
    };
  }

  private openOutput(lease: KeyedLease): OutputSink | undefined {
    if (lease.executor !== 'shell') return undefined;
    const limitBytes = lease.outputLimitBytes ?? this.settings.defaultOutputBytes;
    return this.parts.output.open(lease.key, lease.outputToken, limitBytes);
  }

  /** For whoever greets it now: the word of a start is said once, and may have been lost with the stream before. */
  repeatStarts(): void {
    for (const { key, term, stage, startedAtMs = 0 } of this.parts.journal.state.held.values()) {
      if (stage === 'running') this.parts.send({ $case: 'started', started: { key, term, startedAtMs } });
    }
  }

  private noteStart(
    { key, term }: KeyedLease,
    process: { pid: number; startTicks: number } | undefined,
    atMs: number,
  ): void {
    const { pid, startTicks } = process ?? { pid: 0, startTicks: 0 };
    this.parts.journal.append({ t: 'running', key, pid, startTicks, atMs });
    // Nobody waits for it: should it be lost, the mark in the environment still finds the process.
    this.parts.journal.commit().catch(() => undefined);
    this.parts.send({ $case: 'started', started: { key, term, startedAtMs: atMs } });
  }

  private repeatAcceptance(lease: KeyedLease): void {
    // Only when it is on disk; otherwise the first acceptance is still on its way.
    this.parts.journal
      .commit()
      .then(() => this.sendAccepted(lease))
      .catch(() => undefined);
  }

  private sendAccepted({ key, term }: KeyedLease): void {
    this.parts.send({ $case: 'accepted', accepted: { key, term } });
  }

  private refuse(lease: Lease, why: Refusal, detail = ''): void {
    this.parts.log.info({ task_id: lease.key?.taskId, refusal: why, detail }, 'lease refused');
    this.parts.reporter.sendOnce(refusal(lease, why, this.wallMs(), detail));
  }

  private forget(key: LeaseKey): void {
    this.parts.journal.append({ t: 'dropped', key });
    this.parts.journal.commit().catch(() => undefined);
  }

  private release(run: LeaseRun): void {
    this.runs.delete(leaseKeyText(run.lease.key));
    run.finish();
  }

  private wallMs(): number {
    return this.parts.clock.wallMs();
  }
}

const heldStates: Record<HeldEntry['stage'], HeldState> = {
  accepted: HeldState.ACCEPTED,
  running: HeldState.RUNNING,
  ended: HeldState.FINISHED,
};

const neverStarted: Record<StopCause, Outcome> = {
  timeout: Outcome.CANCELLED,
  cancelled: Outcome.CANCELLED,
  superseded: Outcome.CANCELLED,
  dropped: Outcome.CANCELLED,
  lease_expired: Outcome.LEASE_EXPIRED,
  draining: Outcome.INTERRUPTED,
};

function hasKey(lease: Lease): lease is KeyedLease {
  return lease.key !== undefined;
}
