import { type CommandBody } from '@fluxforge/events/catalogue';
import { type RecordedEvent } from '@fluxforge/events/envelope';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type CommandIngest, type Accepted, type Origin } from '../commands/index.js';
import { type Directory } from '../directory/index.js';
import { durationMs } from '../durations/index.js';
import { type Clock } from '../http/clock.js';
import { problemOfRefusal, ProblemError } from '../http/index.js';
import { derivedId, newId, newSecret, sha256Hex } from '../identifiers/index.js';
import { type Shedding } from '../shedding/index.js';
import { type Answers } from './answers.js';
import { type EnrolBody, type JoinTokenBody } from './enrol-body.js';

export interface EnrolmentOptions {
  readonly partitions: number;
  /** Where agents send their output: this server's own gRPC address. */
  readonly outputAddress: () => string;
  readonly answerDeadlineMs: number;
}

export interface Enrolled {
  readonly agent_id: string;
  readonly tenant_id: string;
  readonly dispatcher_address: string;
  readonly output_address: string;
}

const defaultExpiry = '15m';
/** `ffj_TENANT_SECRET`: the tenant tells the partition, the secret has no underscore. */
const tokenForm = /^ffj_([A-Za-z0-9][A-Za-z0-9._:-]{0,127})_([0-9a-z]{16,64})$/;

/** How agents join: tokens for users to hand out, and the one exchange that an agent has before it has a name. */
export class Enrolment {
  constructor(
    private readonly ingest: CommandIngest,
    private readonly answers: Answers,
    private readonly directory: Directory,
    private readonly clock: Clock,
    private readonly shedding: Shedding,
    private readonly options: EnrolmentOptions,
  ) {}

  /** The token itself is answered here and never again: the log has its hash. */
  async makeToken(origin: Origin, body: JoinTokenBody) {
    const nowMs = this.clock.nowMs();
    const joinToken = `ffj_${origin.tenantId}_${newSecret()}`;
    const tokenId = newId('jtk', nowMs);
    const expiresAtMs = nowMs + durationMs(body.expires_in ?? defaultExpiry);
    const data = {
      token_id: tokenId,
      token_hash: sha256Hex(joinToken),
      labels: body.labels ?? {},
      expires_at_ms: expiresAtMs,
    };
    const { accepted, answer } = await this.ask(origin, tokenId, { type: 'join-token.create', data });
    if (answer) throwIfRefused(answer, accepted);
    const shown = {
      ...accepted,
      join_token: joinToken,
      labels: data.labels,
      expires_at: new Date(expiresAtMs).toISOString(),
    };
    return { decided: answer !== null, shown };
  }

  /**
   * The same token with the same credential is the same agent, however often it asks: the id is made
   * of both, and the owner answers a repeat as it answered the first.
   */
  async enrol(body: EnrolBody): Promise<Enrolled> {
    const tenantId = this.tenantOf(body.join_token);
    const tokenHash = sha256Hex(body.join_token);
    const agentId = derivedId('agt', tokenHash, body.credential_hash);
    const command: CommandBody = {
      type: 'agent.enrol',
      data: {
        agent_id: agentId,
        name: body.name,
        token_hash: tokenHash,
        credential_hash: body.credential_hash,
        labels: body.labels ?? {},
        slots: body.slots ?? 4,
        executors: body.executors ?? ['shell'],
        agent_version: body.agent_version ?? '',
      },
    };
    const origin = { tenantId, actor: `agent:${agentId}` };
    const { accepted, answer } = await this.ask(origin, agentId, command);
    if (!answer) {
      throw new ProblemError('answer_pending', 'Ask again with the same token and credential.', accepted);
    }
    throwIfRefused(answer, accepted);
    return {
      agent_id: agentOf(answer) ?? agentId,
      tenant_id: tenantId,
      dispatcher_address: this.directory.dispatcherOf(tenantId)?.address ?? '',
      output_address: this.options.outputAddress(),
    };
  }

  private async ask(origin: Origin, resourceId: string, body: CommandBody) {
    await this.shedding.insistOnLag(origin.tenantId, body);
    if (this.answers.full) throw new ProblemError('overloaded', 'Too many are waiting for answers.');
    const commandId = newId('cmd', this.clock.nowMs());
    const partition = partitionOf(origin.tenantId, this.options.partitions);
    const coming = this.answers.waitFor(partition, commandId, this.options.answerDeadlineMs);
    let accepted: Accepted;
    try {
      accepted = await this.ingest.submit({ body, resourceId, origin, commandId });
    } catch (error: unknown) {
      // Also when the outcome is unknown: the caller hears so now, and repeats.
      this.answers.forget(commandId);
      throw error;
    }
    return { accepted, answer: await coming };
  }

  private tenantOf(joinToken: string): string {
    const tenantId = tokenForm.exec(joinToken)?.[1];
    if (!tenantId || !this.directory.tenant(tenantId)) throw invalidToken();
    return tenantId;
  }
}

function throwIfRefused({ fact }: RecordedEvent, accepted: Accepted): void {
  if (fact.type !== 'command.rejected') return;
  if (fact.data.code === 'token_invalid') throw invalidToken();
  throw new ProblemError(problemOfRefusal[fact.data.code], fact.data.message, {
    command_id: accepted.command_id,
  });
}

function agentOf({ fact }: RecordedEvent): string | undefined {
  if (fact.type === 'agent.enrolled') return fact.data.agent_id;
  return fact.type === 'command.accepted' ? fact.data.resource_id : undefined;
}

/** Malformed, of an unknown tenant, unknown, used, expired: one answer, so that none can be told from another. */
function invalidToken(): ProblemError {
  return new ProblemError('token_invalid', 'The join token is unknown, used or expired.');
}
