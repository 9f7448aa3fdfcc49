import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { type AgentMessage } from '@fluxforge/domain/agent';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  type AgentFrame,
  type AgentMessageBody,
  type Inventory,
  PROTOCOL_VERSION,
  RefusedCode,
} from '@fluxforge/agent-protocol';
import { type Logger, type Metrics } from '@fluxforge/telemetry';
import { type OwnerMap } from '../partition/owner-map.js';
import { type AgentCall, agentKey, AgentSession } from './session.js';
import {
  capacityOf,
  checkFinding,
  heartbeatMessage,
  heldLeases,
  knownExecutors,
  runReport,
  wireKey,
} from './wire.js';
import { type AgentReports } from '../heartbeats/agent-reports.js';

/** The partitions of this process, as the streams see them. */
export interface PartitionAccess {
  readonly partitions: number;
  placed(partition: number): boolean;
  leading(partition: number): boolean;
  terms(partition: number): { readonly epoch: number; readonly term: number };
  /** SHA-256 of the agent's secret in hex, or null for an agent that is not enrolled (any more). */
  credentialHash(partition: number, tenantId: string, agentId: string): string | null;
  offer(partition: number, message: AgentMessage, ticket: number, cause: string): boolean;
  fresh(partition: number): boolean;
  nowMs(): number;
  /** An agent's stream takes orders from now on. */
  live(partition: number, tenantId: string, agentId: string): void;
}

export interface StreamPace {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
}

interface AwaitedReport {
  readonly session: AgentSession;
  readonly reportId: string;
}

/** A stream that says nothing of itself for this long is closed. */
const helloDeadlineMs = 10_000;
/** Awaited reports are bounded by what a host queues; beyond that the oldest is let go and sent again by its agent. */
const maxAwaited = 50_000;

/** The control streams of all agents whose tenants' partitions are placed on this process. */
export class AgentStreams {
  private readonly sessions = new Map<string, AgentSession>();
  private readonly awaited = new Map<number, AwaitedReport>();
  private readonly toFlush = new Set<AgentSession>();
  private ticket = 0;

  constructor(
    private readonly partitions: PartitionAccess,
    private readonly owners: OwnerMap,
    private readonly pace: StreamPace,
    private readonly reports: AgentReports,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** Serves one stream until either side ends it. */
  serve(call: AgentCall): void {
    let session: AgentSession | null = null;
    const deadline = setTimeout(() => call.destroy(), helloDeadlineMs);
    call.on('data', (frame: AgentFrame) => {
      if (session) return this.take(session, frame);
      clearTimeout(deadline);
      session = this.open(call, frame);
    });
    const over = (): void => {
      clearTimeout(deadline);
      if (session) this.gone(session);
    };
    call.on('end', () => {
      over();
      call.end();
    });
    call.on('error', over);
    call.on('close', over);
    call.on('cancelled', over);
  }

  /** The partition is led from now on, under a new term: everybody is greeted with it. */
  led(partition: number): void {
    for (const session of this.of(partition)) this.welcome(session);
  }

  /** The partition is not led any more. Its streams wait for the next claim, or are sent on. */
  fell(partition: number): void {
    for (const session of this.of(partition)) {
      session.phase = 'holding';
      session.forget();
    }
    for (const [ticket, report] of this.awaited)
      if (report.session.partition === partition) this.awaited.delete(ticket);
  }

  /** Streams of partitions that are placed elsewhere now go where their owner is. */
  async sendOn(): Promise<void> {
    for (const session of [...this.sessions.values()]) {
      if (this.partitions.placed(session.partition)) continue;
      const owner = await this.owners.of(session.partition);
      session.move(owner.address, owner.generation);
      this.forgetSession(session);
    }
  }

  session(tenantId: string, agentId: string): AgentSession | null {
    const session = this.sessions.get(agentKey(tenantId, agentId));
    return session?.phase === 'live' ? session : null;
  }

  /** Sends what has gathered on the streams at the end of this turn, if the owner is fresh then. */
  flushSoon(session: AgentSession): void {
    if (this.toFlush.size === 0) queueMicrotask(() => this.flush());
    this.toFlush.add(session);
  }

  /** Every event that these reports led to is committed: the agents may forget them. */
  settled(tickets: readonly number[]): void {
    const acks = new Map<AgentSession, string[]>();
    for (const ticket of tickets) {
      const report = this.awaited.get(ticket);
      if (!report) continue;
      this.awaited.delete(ticket);
      const ids = acks.get(report.session) ?? [];
      ids.push(report.reportId);
      acks.set(report.session, ids);
    }
    for (const [session, reportIds] of acks) {
      session.order({ $case: 'reportAck', reportAck: { reportIds } });
      this.flushSoon(session);
    }
  }

  close(): void {
    for (const session of this.sessions.values()) session.close();
    this.sessions.clear();
  }

  private open(call: AgentCall, frame: AgentFrame): AgentSession | null {
    const hello = frame.body?.$case === 'hello' ? frame.body.hello : null;
    if (!hello) {
      call.destroy();
      return null;
    }
    const partition = partitionOf(hello.tenantId, this.partitions.partitions);
    const session = new AgentSession(randomUUID(), partition, hello, call);
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      session.refuse({
        code: RefusedCode.PROTOCOL_VERSION,
        message: `this server speaks version ${PROTOCOL_VERSION}`,
        retry: true,
      });
      return null;
    }
    if (!this.partitions.placed(partition)) {
      void this.owners.of(partition).then((owner) => session.move(owner.address, owner.generation));
      return null;
    }
    this.replace(session);
    this.welcome(session);
    return session;
  }

  /** A newer stream of an agent takes the place of the older one. */
  private replace(session: AgentSession): void {
    this.sessions.get(session.key)?.close();
    this.sessions.set(session.key, session);
    this.metrics.set('fluxforge_agent_streams', {}, this.sessions.size);
  }

  private welcome(session: AgentSession): void {
    const { partition, hello } = session;
    if (!this.partitions.leading(partition)) return;
    const expected = this.partitions.credentialHash(partition, hello.tenantId, hello.agentId);
    if (expected === null || !matches(expected, hello.credential)) {
      session.refuse({
        code: RefusedCode.UNAUTHENTICATED,
        message: 'unknown agent or wrong credential',
        retry: false,
      });
      return this.forgetSession(session);
    }
    session.greet(this.partitions.terms(partition), this.pace);
  }

  private take(session: AgentSession, frame: AgentFrame): void {
    if (frame.body?.$case === 'inventory') return this.takeInventory(session, frame.body.inventory);
    if (frame.body?.$case !== 'messages' || session.phase !== 'live') return;
    for (const { body } of frame.body.messages.messages) if (body) this.takeMessage(session, body);
  }

  private takeInventory(session: AgentSession, inventory: Inventory): void {
    const { epoch, term } = session.terms;
    // An answer to an earlier greeting says what was; the answer to the latest one follows.
    if (session.phase !== 'greeted' || inventory.epoch !== epoch || inventory.term !== term) return;
    const { hello } = session;
    session.phase = 'live';
    this.offer(session, {
      kind: 'connected',
      ...whoIs(session),
      labels: hello.labels,
      slots: Math.min(1024, Math.max(1, hello.slots)),
      ...capacityOf(hello),
      executors: knownExecutors(hello.executors),
      agentVersion: hello.agentVersion.slice(0, 64),
      inventory: heldLeases(inventory.leases),
    });
    this.partitions.live(session.partition, hello.tenantId, hello.agentId);
  }

  private takeMessage(session: AgentSession, body: AgentMessageBody): void {
    this.metrics.add('fluxforge_agent_frames_total', { direction: 'up', kind: body.$case });
    const who = whoIs(session);
    switch (body.$case) {
      case 'accepted':
        return;
      case 'started':
        if (!body.started.key) return;
        this.offer(session, {
          kind: 'started',
          ...who,
          ...wireKey(body.started.key),
          startedAtMs: Math.max(0, Math.trunc(body.started.startedAtMs)),
        });
        return;
      case 'result':
        if (!body.result.key) return;
        this.offer(
          session,
          { kind: 'result', ...who, ...wireKey(body.result.key), run: runReport(body.result) },
          body.result.reportId,
        );
        return;
      case 'heartbeat':
        return this.takeHeartbeat(session, body.heartbeat);
      case 'checkResult':
        return this.reports.check(
          session.partition,
          who.tenantId,
          who.agentId,
          checkFinding(body.checkResult),
        );
      case 'notHeld':
        if (body.notHeld.key) this.offer(session, { kind: 'not-held', ...who, ...wireKey(body.notHeld.key) });
        return;
      case 'staleTerm':
        this.logger.warn({ agent: who.agentId, ...body.staleTerm }, 'the agent has seen a higher term');
        return;
    }
  }

  private takeHeartbeat(session: AgentSession, heartbeat: Parameters<typeof heartbeatMessage>[1]): void {
    const nowMs = this.partitions.nowMs();
    const expected = heartbeat.nonce === session.lastNonce;
    this.metrics.add('fluxforge_heartbeats_total', { result: expected ? 'answered' : 'late' });
    // An answer to an older question says when the agent was alive, not that it is.
    if (!expected || !this.offer(session, heartbeatMessage(whoIs(session), heartbeat, nowMs))) return;
    this.reports.heartbeat(
      session.partition,
      session.hello.tenantId,
      session.hello.agentId,
      heartbeat,
      nowMs,
    );
    session.order({ $case: 'grant', grant: { nonce: heartbeat.nonce, durationMs: this.pace.leaseMs } });
    this.flushSoon(session);
  }

  private offer(session: AgentSession, message: AgentMessage, reportId?: string): boolean {
    let ticket = 0;
    if (reportId !== undefined) {
      this.ticket += 1;
      ticket = this.ticket;
      if (this.awaited.size < maxAwaited) this.awaited.set(ticket, { session, reportId });
    }
    const taken = this.partitions.offer(session.partition, message, ticket, `agent:${session.hello.agentId}`);
    if (!taken) this.awaited.delete(ticket);
    return taken;
  }

  private flush(): void {
    const sessions = [...this.toFlush];
    this.toFlush.clear();
    for (const session of sessions) {
      // Asked at the last moment: an owner that was stopped in between must fall silent by itself.
      if (this.partitions.fresh(session.partition)) session.flush();
      else session.forget();
    }
  }

  private gone(session: AgentSession): void {
    if (session.phase === 'closed' && this.sessions.get(session.key) !== session) return;
    session.close();
    if (this.sessions.get(session.key) !== session) return;
    this.partitions.offer(
      session.partition,
      { kind: 'disconnected', ...whoIs(session) },
      0,
      `agent:${session.hello.agentId}`,
    );
    this.forgetSession(session);
  }

  private forgetSession(session: AgentSession): void {
    if (this.sessions.get(session.key) === session) {
      this.sessions.delete(session.key);
      this.reports.forget(session.hello.tenantId, session.hello.agentId);
    }
    this.metrics.set('fluxforge_agent_streams', {}, this.sessions.size);
  }

  private of(partition: number): AgentSession[] {
    return [...this.sessions.values()].filter((session) => session.partition === partition);
  }
}

function whoIs(session: AgentSession): { tenantId: string; agentId: string; sessionId: string } {
  return { tenantId: session.hello.tenantId, agentId: session.hello.agentId, sessionId: session.id };
}

function matches(expectedHex: string, credential: Uint8Array): boolean {
  const expected = Buffer.from(expectedHex, 'hex');
  const given = createHash('sha256').update(credential).digest();
  return expected.length === given.length && timingSafeEqual(expected, given);
}
