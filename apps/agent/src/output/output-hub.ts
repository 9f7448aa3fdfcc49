import {
  type LeaseKey,
  type OutputMessage,
  type OutputReply,
  type OutputStream,
} from '@fluxforge/agent-protocol';
import { type Logger } from '@fluxforge/telemetry';
import { fullJitterMs } from '../control-stream/index.js';
import { AttemptOutput, type OutputTotals } from './attempt-output.js';
import { ByteBudget } from './byte-budget.js';
import { OutputLink } from './output-link.js';

export interface OutputSettings {
  totalBytes: number;
  attemptBytes: number;
  /** A full buffer holds a command's pipe for so long, while the API takes data; then bytes are lost. */
  stallMs: number;
  /** Output of ended attempts that the API has not taken is given up after this. */
  lingerMs: number;
  maxLingering: number;
  idleMs: number;
}

export const defaultOutputSettings: OutputSettings = {
  totalBytes: 16 * 1024 * 1024,
  attemptBytes: 2 * 1024 * 1024,
  stallMs: 1000,
  lingerMs: 300_000,
  maxLingering: 1024,
  idleMs: 30_000,
};

export interface OutputSink {
  write(stream: OutputStream, bytes: Buffer, resume: () => void): boolean;
  end(): OutputTotals;
}

interface Held {
  output: AttemptOutput;
  budget: ByteBudget;
  resumes: (() => void)[];
  opened: boolean;
  endedAtMs?: number;
}

const FRAME_BYTES = 64 * 1024;
const GATHER_MS = 10;
const BACKOFF = { baseMs: 200, capMs: 10_000 };

/**
 * Carries output to the API, apart from control: it never waits for the API, and nothing waits for it
 * but, briefly, the command's own pipe. Lost connection: everything unacknowledged goes again under the
 * same seq. No API: the buffer fills and the rest becomes marked gaps.
 */
export class OutputHub {
  private readonly budget: ByteBudget;
  private readonly held = new Map<number, Held>();
  private link: OutputLink | undefined;
  private nextChannel = 1;
  private turn = 0;
  private failures = 0;
  private lastReplyAtMs = 0;
  private lastUseAtMs = 0;
  private pumpTimer: NodeJS.Timeout | undefined;
  private connectTimer: NodeJS.Timeout | undefined;
  private readonly upkeep: NodeJS.Timeout;
  private closed = false;

  constructor(
    private readonly address: () => string | undefined,
    private readonly log: Logger,
    private readonly settings: OutputSettings = defaultOutputSettings,
  ) {
    this.budget = new ByteBudget(settings.totalBytes);
    this.upkeep = setInterval(() => this.tidy(), 1000);
    this.upkeep.unref();
  }

  open(key: LeaseKey, token: string, limitBytes: number): OutputSink {
    const channel = this.nextChannel++;
    const budget = new ByteBudget(this.settings.attemptBytes, this.budget);
    const output = new AttemptOutput({ key, token, channel, limitBytes, budget, wallMs: () => Date.now() });
    const held: Held = { output, budget, resumes: [], opened: false };
    this.held.set(channel, held);
    return {
      write: (stream, bytes, resume) => this.write(held, stream, bytes, resume),
      end: () => this.end(held),
    };
  }

  /** Until everything is acknowledged, or the time is up. */
  async flush(withinMs: number): Promise<boolean> {
    const endsAtMs = performance.now() + withinMs;
    while (this.held.size > 0 && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.held.size === 0;
  }

  close(): void {
    this.closed = true;
    clearInterval(this.upkeep);
    clearTimeout(this.pumpTimer);
    clearTimeout(this.connectTimer);
    this.link?.close();
    for (const held of this.held.values()) this.forget(held);
  }

  private write(held: Held, stream: OutputStream, bytes: Buffer, resume: () => void): boolean {
    held.output.write(stream, bytes);
    this.pumpSoon(GATHER_MS);
    if (!held.budget.isNearlyFull() || !this.isFlowing()) return true;
    this.stall(held, resume);
    return false;
  }

  private stall(held: Held, resume: () => void): void {
    const timer = setTimeout(() => once(), this.settings.stallMs);
    const once = (): void => {
      clearTimeout(timer);
      held.resumes = held.resumes.filter((other) => other !== once);
      resume();
    };
    held.resumes.push(once);
  }

  /** Only a connection that takes data is worth waiting for. */
  private isFlowing(): boolean {
    return this.link !== undefined && performance.now() - this.lastReplyAtMs < 2 * this.settings.stallMs;
  }

  private end(held: Held): OutputTotals {
    const totals = held.output.end();
    held.endedAtMs = performance.now();
    if (held.output.token === '') this.forget(held);
    this.pumpSoon(0);
    return totals;
  }

  private pumpSoon(delayMs: number): void {
    if (this.closed) return;
    if (delayMs === 0) {
      clearTimeout(this.pumpTimer);
      this.pumpTimer = undefined;
    }
    this.pumpTimer ??= setTimeout(() => {
      this.pumpTimer = undefined;
      this.pump();
    }, delayMs);
  }

  private pump(): void {
    if (this.link === undefined) return this.connectSoon();
    while (this.link?.writable === true) {
      const messages = this.gather();
      if (messages.length === 0) return;
      this.lastUseAtMs = performance.now();
      this.link.write(messages);
    }
  }

  /** Takes from the attempts in turn, so that a chatty one does not silence the others. */
  private gather(): OutputMessage[] {
    const waiting = [...this.held.values()].filter(({ output }) => output.token !== '' && output.hasUnsent());
    const messages: OutputMessage[] = [];
    const share = Math.max(8 * 1024, Math.floor(FRAME_BYTES / Math.max(1, waiting.length)));
    for (let i = 0; i < waiting.length && messages.length < 64; i += 1) {
      const held = waiting[(this.turn + i) % waiting.length];
      if (held === undefined) break;
      const { output } = held;
      const { channel, key, token } = output;
      if (!held.opened) messages.push({ channel, body: { $case: 'open', open: { key, token } } });
      held.opened = true;
      for (const body of output.take(share)) messages.push({ channel, body });
    }
    this.turn += 1;
    return messages;
  }

  private connectSoon(): void {
    const wanted = [...this.held.values()].some(({ output }) => output.token !== '');
    if (this.closed || !wanted || this.connectTimer !== undefined) return;
    const delayMs = this.failures === 0 ? 0 : fullJitterMs(this.failures, BACKOFF, Math.random());
    this.connectTimer = setTimeout(() => {
      this.connectTimer = undefined;
      this.connect();
    }, delayMs);
  }

  private connect(): void {
    const address = this.address();
    if (this.closed || this.link !== undefined) return;
    if (address === undefined || address === '') {
      this.failures += 1;
      return;
    }
    for (const held of this.held.values()) {
      held.opened = false;
      held.output.rewind();
    }
    this.lastUseAtMs = performance.now();
    this.lastReplyAtMs = this.lastUseAtMs;
    this.link = new OutputLink(address, {
      onReply: (reply) => this.onReply(reply),
      onWritable: () => this.pump(),
      onClosed: (reason) => this.onClosed(reason),
    });
    this.pump();
  }

  private onClosed(reason: string): void {
    this.link = undefined;
    this.failures += 1;
    this.log.debug({ reason }, 'output stream closed');
    if (this.held.size > 0) this.pumpSoon(GATHER_MS);
  }

  private onReply(reply: OutputReply): void {
    this.failures = 0;
    this.lastReplyAtMs = performance.now();
    for (const { channel, stream, nextSeq } of reply.acks) {
      const held = this.held.get(channel);
      if (held === undefined) continue;
      held.output.acknowledge(stream, nextSeq);
      if (!held.budget.isNearlyFull()) for (const resume of [...held.resumes]) resume();
      if (held.output.isDone()) this.forget(held);
    }
    for (const { channel, reason } of reply.refused) this.onRefused(channel, reason);
  }

  private onRefused(channel: number, reason: string): void {
    const held = this.held.get(channel);
    if (held === undefined) return;
    this.log.warn({ task_id: held.output.key.taskId, reason }, 'output refused by the API');
    this.forget(held);
  }

  private forget(held: Held): void {
    this.held.delete(held.output.channel);
    held.output.discard();
    for (const resume of [...held.resumes]) resume();
  }

  private tidy(): void {
    const nowMs = performance.now();
    const ended = [...this.held.values()].filter(({ endedAtMs }) => endedAtMs !== undefined);
    const surplus = Math.max(0, ended.length - this.settings.maxLingering);
    ended.forEach((held, index) => {
      const isOld = nowMs - (held.endedAtMs ?? nowMs) > this.settings.lingerMs;
      if (!isOld && index >= surplus) return;
      this.log.warn({ task_id: held.output.key.taskId }, 'output given up: the API did not take it');
      this.forget(held);
    });
    if (this.held.size === 0 && nowMs - this.lastUseAtMs > this.settings.idleMs) this.closeIdle();
    else if (this.held.size > 0) this.pumpSoon(GATHER_MS);
  }

  private closeIdle(): void {
    this.link?.close();
    this.failures = 0;
  }
}
