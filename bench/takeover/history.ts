import { type EventData, type EventType, type TaskSpec } from '@fluxforge/events/catalogue';
import { encodeEvent } from '@fluxforge/events/envelope';
import {
  claimRecord,
  recordHash,
  sealBatch,
  startOfLog,
  type Pending,
  type Position,
} from '@fluxforge/events/journal';
import { type LogPort, type TopicPartition } from '@fluxforge/events/log';

const batchRecords = 400;
const appendTimeoutMs = 30_000;
export const tenantId = 'ten_bench';
const life = 1;
export const slotsOfAgent = 1024;

export const someSpec: TaskSpec = {
  name: 'say hello',
  labels: { team: 'core' },
  executor: 'shell',
  command: 'echo hello',
  selector: [],
  priority: 5,
  delivery_timeout_ms: 86_400_000,
  execution_timeout_ms: 60_000,
  kill_grace_ms: 1_000,
  max_attempts: 3,
  backoff: { base_ms: 100, max_ms: 1_000 },
  output_limit_bytes: 1_048_576,
};

/** Writes an events partition of the tasks context as its rightful owner would have, with times of the past. */
export class History {
  private at: Position = startOfLog;
  private pending: Pending[] = [];
  private events = 0;
  private timeMs: number;

  constructor(
    private readonly log: LogPort,
    private readonly tp: TopicPartition,
    startMs: number,
  ) {
    this.timeMs = startMs;
  }

  async begin(): Promise<void> {
    const terms = { epoch: 1, term: 1 };
    const claimant = {
      context: 'tasks',
      partition: this.tp.partition,
      ownerId: 'bench',
      address: '',
    } as const;
    const claim = claimRecord({ ...claimant, generation: 0 }, terms, this.timeMs);
    await this.log.append(this.tp, [claim], { timeoutMs: appendTimeoutMs });
    this.at = { next: 1, ...terms, owner: 'bench', seq: 0, hash: recordHash(claim) };
  }

  /** The tenant, and agents with nothing to do. */
  async fleet(agents: number): Promise<void> {
    const limits = { max_queued_tasks: 1_000_000, max_agents: 10_000, max_states: 10_000 };
    await this.event('tenant.created', tenantId, { tenant_id: tenantId, name: 'bench', limits });
    for (let i = 0; i < agents; i += 1) {
      const agent_id = `agt_${i}`;
      const said = {
        agent_id,
        labels: { role: 'web' },
        slots: slotsOfAgent,
        executors: ['shell' as const],
        agent_version: '1',
      };
      await this.event('agent.enrolled', agent_id, {
        ...said,
        name: agent_id,
        token_id: 'tok',
        credential_hash: 'c'.repeat(64),
        token_labels: {},
      });
    }
  }

  /** Tasks from their submission to their good end: four events each, `gapMs` of time between tasks. */
  async ended(count: number, gapMs: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const task_id = `tsk_ended_${i}`;
      const run = { task_id, life, attempt: 1, agent_id: `agt_${i % 50}` };
      await this.event('task.queued', task_id, { task_id, life, kind: 'adhoc', spec: someSpec });
      const decision = { waited_ms: 3, effective_priority: 4.5, candidates: 2 };
      await this.event('task.leased', task_id, { ...run, lease_ms: 10_000, decision });
      await this.event('task.started', task_id, { ...run, started_at_ms: this.timeMs });
      await this.event('task.ended', task_id, {
        ...run,
        end: 'succeeded',
        reason: 'exit_zero',
        attempts_used: 1,
        outcome: 'exited',
        exit_code: 0,
        duration_ms: 5,
        output: { stdout_bytes: 6, stderr_bytes: 0, truncated: false },
      });
      this.timeMs += gapMs;
    }
  }

  /** Tasks that are live now: the first `leased` of them are on agents and run, the others wait. */
  async live(count: number, leased: number, agents: number, nowMs: number): Promise<void> {
    this.timeMs = Math.max(this.timeMs, nowMs);
    for (let i = 0; i < count; i += 1) {
      const task_id = `tsk_live_${i}`;
      await this.event('task.queued', task_id, { task_id, life, kind: 'adhoc', spec: someSpec });
      if (i >= leased) continue;
      const run = { task_id, life, attempt: 1, agent_id: `agt_${i % agents}` };
      const decision = { waited_ms: 3, effective_priority: 4.5, candidates: 2 };
      await this.event('task.leased', task_id, { ...run, lease_ms: 15_000, decision });
      await this.event('task.started', task_id, { ...run, started_at_ms: this.timeMs });
    }
  }

  /** Everything is in the log; answers how many events were written. */
  async finish(): Promise<number> {
    await this.flush();
    return this.events;
  }

  private async event<T extends EventType>(type: T, subject: string, data: EventData<T>): Promise<void> {
    this.events += 1;
    const id = `tasks-${this.tp.partition}-1.1-${this.events}`;
    const cause = { actor: 'bench', reason: null, causationId: id, correlationId: id, traceparent: null };
    const decided = { type, data, tenantId, subject } as unknown as Parameters<typeof encodeEvent>[0];
    const origin = { context: 'tasks', id, timeMs: this.timeMs, provenance: cause, commandId: null } as const;
    this.pending.push({
      record: encodeEvent(decided, origin),
      covered: { commands: 0, foreign: startOfLog },
    });
    if (this.pending.length >= batchRecords) await this.flush();
  }

  private async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const { records, hash } = sealBatch(this.at, this.pending);
    this.pending = [];
    const base = await this.log.append(this.tp, records, { timeoutMs: appendTimeoutMs });
    if (base !== this.at.next) throw new Error(`the batch came to lie at ${base}, expected ${this.at.next}`);
    const count = records.length;
    this.at = { ...this.at, next: this.at.next + count, seq: this.at.seq + count, hash };
  }
}
