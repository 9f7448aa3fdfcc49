import { CHECK_OUTPUT_TAIL_BYTES, type Check, CheckOutcome, CheckResult } from '@fluxforge/agent-protocol';
import { type Ending, type Executor } from '../executors/index.js';
import { Tail } from './tail.js';

export interface CheckQueueSettings {
  concurrency: number;
  maxWaiting: number;
  defaultTimeoutMs: number;
  graceMs: number;
}

export const defaultCheckSettings: CheckQueueSettings = {
  concurrency: 4,
  maxWaiting: 1024,
  defaultTimeoutMs: 30_000,
  graceMs: 1000,
};

/**
 * Checks wait in memory only, apart from the slots of leases. A newer round of the same target takes the
 * place of one that waits, for nobody reads the older answer any more; a duplicate is dropped; when the
 * queue is full the check is refused, which the server counts as unknown.
 */
export class CheckQueue {
  private readonly waiting = new Map<string, Check>();
  private readonly running = new Map<string, Check>();
  private draining = false;
  private readonly stops = new Set<() => void>();

  constructor(
    private readonly shell: Executor,
    private readonly marks: Record<string, string>,
    private readonly send: (result: CheckResult) => void,
    private readonly settings: CheckQueueSettings = defaultCheckSettings,
  ) {}

  add(check: Check): void {
    const { stateId } = check;
    const running = this.running.get(stateId);
    if (running !== undefined && isSame(running, check)) return;
    const problem = this.draining ? 'draining' : this.shell.problemWith(check);
    if (problem !== undefined) return this.refuse(check, problem);
    const isReplacement = this.waiting.delete(stateId);
    if (!isReplacement && this.waiting.size >= this.settings.maxWaiting)
      return this.refuse(check, 'queue full');
    this.waiting.set(stateId, check);
    this.startNext();
  }

  waitingCount(): number {
    return this.waiting.size;
  }

  drain(): void {
    this.draining = true;
    this.waiting.clear();
    for (const stop of this.stops) stop();
  }

  private startNext(): void {
    for (const [stateId, check] of this.waiting) {
      if (this.running.size >= this.settings.concurrency) return;
      // One check of a target at a time: the next round waits for the previous one's timeout at most.
      if (this.running.has(stateId)) continue;
      this.waiting.delete(stateId);
      this.running.set(stateId, check);
      void this.run(check).finally(() => {
        this.running.delete(stateId);
        this.startNext();
      });
    }
  }

  private async run(check: Check): Promise<void> {
    const { command, surroundings } = check;
    const tail = new Tail(CHECK_OUTPUT_TAIL_BYTES);
    const beganAtMs = performance.now();
    const onOutput = (_: unknown, bytes: Buffer): boolean => {
      tail.add(bytes);
      return true;
    };
    const execution = this.shell.run({ command, surroundings, marks: this.marks, onOutput });
    let timedOut = false;
    const stop = (): boolean => execution.stop(this.settings.graceMs);
    const timer = setTimeout(
      () => {
        timedOut = stop();
      },
      Math.min(check.timeoutMs || this.settings.defaultTimeoutMs, 2 ** 31 - 1),
    );
    this.stops.add(stop);
    const ending = await execution.ended;
    clearTimeout(timer);
    this.stops.delete(stop);
    this.send({
      ...answerTo(check),
      ...verdict(ending, timedOut),
      durationMs: Math.round(performance.now() - beganAtMs),
      outputTail: tail.value(),
      error: (ending.trouble ?? '').slice(0, 512),
    });
  }

  private refuse(check: Check, error: string): void {
    this.send({ ...answerTo(check), outcome: CheckOutcome.REFUSED, error });
  }
}

function answerTo({ stateId, generation, round }: Check): CheckResult {
  return CheckResult.fromPartial({ stateId, generation, round });
}

function isSame(left: Check, right: Check): boolean {
  return left.generation === right.generation && left.round === right.round;
}

function verdict(ending: Ending, timedOut: boolean): Pick<CheckResult, 'outcome' | 'exitCode' | 'signal'> {
  const exitCode = ending.kind === 'exited' ? ending.exitCode : 0;
  const signal = ending.kind === 'signalled' ? ending.signal : '';
  return { outcome: timedOut ? CheckOutcome.TIMED_OUT : outcomeOf(ending), exitCode, signal };
}

/** 126 and 127 are the shell's own words for "could not run it", and so say nothing about the target. */
function outcomeOf(ending: Ending): CheckOutcome {
  if (ending.kind === 'spawn_failed') return CheckOutcome.SPAWN_FAILED;
  if (ending.kind === 'signalled') return CheckOutcome.SIGNALLED;
  const { exitCode } = ending;
  return exitCode === 126 || exitCode === 127 ? CheckOutcome.NOT_EXECUTABLE : CheckOutcome.EXITED;
}
