import {
  type CommandBody,
  type ContextName,
  type Provenance,
  statesCommands,
} from '@fluxforge/events/catalogue';
import { encodeCommand, flawOfCommand, maxCommandBytes, systemTenant } from '@fluxforge/events/envelope';
import { AppendError, type LogPort, type LogRecord } from '@fluxforge/events/log';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type Topics } from '@fluxforge/events/topics';
import { type Metrics } from '@fluxforge/telemetry';
import { ProblemError, type ProblemExtras } from '../http/index.js';
import { newId } from '../identifiers/index.js';
import { formatToken } from '../positions/index.js';

/** What a write is answered with once Kafka has the command on all in-sync replicas. */
export interface Accepted {
  readonly command_id: string;
  /** Of the resource that the command is about. */
  readonly id: string;
  readonly token: string;
}

/** Who asks, and for whom. */
export interface Origin {
  readonly tenantId: string;
  readonly actor: string;
  readonly reason?: string | null;
  readonly traceparent?: string | null;
}

export interface Submission {
  readonly body: CommandBody;
  readonly resourceId: string;
  readonly origin: Origin;
  /** When someone already waits for the answer under this id. */
  readonly commandId?: string;
}

export interface IngestOptions {
  readonly partitions: number;
  readonly topics: Topics;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  /** Told of each command that is in the log. */
  readonly onWritten?: (context: ContextName, partition: number, tenantId: string, offset: number) => void;
}

/** Appends under way; beyond these the server says so at once instead of queueing without end. */
const maxPending = 10_000;
const maxPendingBytes = 64 * 1024 * 1024;

/**
 * The write path: a command record onto the tenant's partition of its commands topic, and nothing else.
 * Three ends: accepted; surely not written; not known.
 */
export class CommandIngest {
  private pending = 0;
  private pendingBytes = 0;

  constructor(
    private readonly log: LogPort,
    private readonly options: IngestOptions,
    private readonly metrics: Metrics,
  ) {}

  /** @throws ProblemError */
  submit(submission: Submission): Promise<Accepted> {
    return this.write(submission, partitionOf(submission.origin.tenantId, this.options.partitions));
  }

  /**
   * To every partition, under the reserved tenant; all or, when one fails, an unknown part of them.
   * @throws ProblemError
   */
  toAll(body: CommandBody, origin: Origin): Promise<Accepted[]> {
    const everyone = { ...origin, tenantId: systemTenant };
    const partitions = Array.from({ length: this.options.partitions }, (_, partition) => partition);
    return Promise.all(
      partitions.map((partition) => {
        return this.write({ body, resourceId: systemTenant, origin: everyone }, partition);
      }),
    );
  }

  private async write(
    { body, resourceId, origin, commandId }: Submission,
    partition: number,
  ): Promise<Accepted> {
    const nowMs = this.options.nowMs();
    const id = commandId ?? newId('cmd', nowMs);
    const record = encodeCommand(
      { ...body, id, tenantId: origin.tenantId, provenance: provenanceOf(id, origin) },
      nowMs,
    );
    this.assertFits(body, record);
    const context = contextOf(body);
    const offset = await this.append(context, partition, record, { command_id: id, id: resourceId });
    this.options.onWritten?.(context, partition, origin.tenantId, offset);
    this.metrics.add('fluxforge_commands_accepted_total', { type: body.type });
    return { command_id: id, id: resourceId, token: formatToken({ context, partition, offset }) };
  }

  private async append(
    context: ContextName,
    partition: number,
    record: LogRecord,
    ids: ProblemExtras,
  ): Promise<number> {
    const bytes = record.value?.length ?? 0;
    if (this.pending >= maxPending || this.pendingBytes + bytes > maxPendingBytes) {
      throw this.refused(
        new ProblemError('overloaded', 'Too many writes are under way. Nothing was written.'),
      );
    }
    this.pending++;
    this.pendingBytes += bytes;
    try {
      const tp = { topic: this.options.topics.commands[context], partition };
      return await this.log.append(tp, [record], { timeoutMs: this.options.timeoutMs, concurrent: true });
    } catch (error: unknown) {
      throw this.refused(problemOfAppend(error, ids));
    } finally {
      this.pending--;
      this.pendingBytes -= bytes;
    }
  }

  /** What cannot be decoded by the owner is never written: it would be a poison record there. */
  private assertFits(body: CommandBody, record: LogRecord): void {
    if ((record.value?.length ?? 0) > maxCommandBytes) {
      throw this.refused(new ProblemError('body_too_large', `A command may have ${maxCommandBytes} bytes.`));
    }
    const flaw = flawOfCommand(body.type, body.data);
    if (flaw !== null) throw this.refused(new ProblemError('invalid', flaw));
  }

  private refused(problem: ProblemError): ProblemError {
    this.metrics.add('fluxforge_commands_refused_total', { code: problem.code });
    return problem;
  }
}

function problemOfAppend(error: unknown, ids: ProblemExtras): ProblemError {
  if (!(error instanceof AppendError)) throw error;
  if (error.failure === 'unknown') {
    const detail = 'Ask for command_id or id later, or repeat with the same Idempotency-Key.';
    return new ProblemError('outcome_unknown', detail, ids, { cause: error });
  }
  return new ProblemError('log_unavailable', 'Nothing was written.', {}, { cause: error });
}

/** Whose commands topic it goes to. */
export function contextOf(body: CommandBody): ContextName {
  return Object.hasOwn(statesCommands, body.type) ? 'states' : 'tasks';
}

function provenanceOf(id: string, origin: Origin): Provenance {
  return {
    actor: origin.actor,
    reason: origin.reason ?? null,
    causationId: id,
    correlationId: id,
    traceparent: origin.traceparent ?? null,
  };
}
