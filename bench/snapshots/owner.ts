import { defaultTasksPolicy, makeTasksContext } from '@fluxforge/domain/tasks-context';
import { encodeCommand } from '@fluxforge/events/envelope';
import { type LogPort } from '@fluxforge/events/log';
import { HostGroup, steadyClock } from '@fluxforge/events/partition-host';
import { topicsOf } from '@fluxforge/events/topics';
import { nowUs } from '../support/clock.js';
import { someSpec, tenantId } from '../takeover/history.js';
import { topicPrefix } from '../takeover/takeovers.js';

const appendTimeoutMs = 10_000;

/** An owner of one partition, on this thread, as a dispatcher has it; no agents. */
export class Owner {
  private readonly group;
  private deciding!: () => void;
  private readonly leads = new Promise<void>((resolve) => (this.deciding = resolve));
  private sent = 0;

  constructor(
    private readonly log: LogPort,
    private readonly onCommit: (latencyMs: number) => void,
  ) {
    const nothing = (): void => undefined;
    this.group = new HostGroup(
      log,
      {
        context: 'tasks',
        topicPrefix,
        partitions: 1,
        epoch: 1,
        address: '',
        sessionTimeoutMs: 60_000,
        heartbeatIntervalMs: 1_000,
        rebalanceTimeoutMs: 10_000,
        tickMs: 20,
        nowMs: steadyClock(),
        loadSnapshot: async () => null,
        events: {
          onEffects: nothing,
          onSettled: nothing,
          onLeading: nothing,
          onFallen: nothing,
          onCommit: (_partition, _records, latencyMs) => this.onCommit(latencyMs),
          onDeadLetter: nothing,
          onPlaced: nothing,
          onStopped: (partition, reason) => {
            throw new Error(`partition ${partition} stopped: ${reason}`);
          },
          onDeciding: () => this.deciding(),
        },
      },
      () => makeTasksContext(defaultTasksPolicy),
    );
  }

  async start(): Promise<void> {
    await this.group.start();
    await this.leads;
  }

  close(): Promise<void> {
    return this.group.close();
  }

  /** Submits tasks at a fixed pace. Answers when each was sent, in microseconds. */
  async submissions(perSecond: number, seconds: number): Promise<Map<string, number>> {
    const sentUs = new Map<string, number>();
    const startUs = nowUs();
    const appends: Promise<unknown>[] = [];
    for (let i = 0; i < perSecond * seconds; i++) {
      const waitMs = (startUs + (i * 1e6) / perSecond - nowUs()) / 1000;
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const task_id = `tsk_sent_${this.sent++}`;
      // When it was due: what this thread is late by counts as well.
      sentUs.set(task_id, startUs + (i * 1e6) / perSecond);
      appends.push(this.submit(task_id));
    }
    await Promise.all(appends);
    return sentUs;
  }

  private submit(task_id: string): Promise<number> {
    const id = `cmd_${task_id}`;
    const cause = { actor: 'bench', reason: null, causationId: id, correlationId: id, traceparent: null };
    const body = { type: 'task.submit', data: { task_id, spec: someSpec } } as const;
    const record = encodeCommand({ ...body, id, tenantId, provenance: cause }, Date.now());
    const tp = { topic: topicsOf(topicPrefix).commands.tasks, partition: 0 };
    return this.log.append(tp, [record], { timeoutMs: appendTimeoutMs, concurrent: true });
  }
}
