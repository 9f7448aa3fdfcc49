import { type AgentMessage } from '@fluxforge/domain/agent';
import { agentCredential, leaseView, type TasksEffect } from '@fluxforge/domain/tasks-context';
import { type CheckRequest } from '@fluxforge/events/catalogue';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type ControlWorld, type StreamsOwner, type TasksUnit } from './control-world.js';
import { type Hello, type Order, refOf, type Terms, type Up } from './messages.js';
import { type Connection } from './network.js';

/** holding -> greeted -> live -> closed; see the dispatcher's session. */
interface Session {
  readonly id: string;
  readonly hello: Hello;
  readonly partition: number;
  readonly connection: Connection;
  phase: 'holding' | 'greeted' | 'live' | 'closed';
  terms: Terms;
  nonce: number;
  unsent: Order[];
}

/** The dispatcher's side of the control streams, as thin as design section 6 allows. */
export class ControlStreams {
  private readonly sessions = new Map<string, Session>();
  private readonly byConnection = new Map<Connection, Session>();
  private readonly awaited = new Map<number, { session: Session; reportId: string; key: string }>();
  private readonly dirty = new Set<Session>();
  private lastTicket = 0;

  constructor(
    private readonly owner: StreamsOwner,
    private readonly world: ControlWorld,
  ) {}

  receive(connection: Connection, message: Up): void {
    if (message.kind === 'hello') return this.open(connection, message.hello);
    const session = this.byConnection.get(connection);
    if (!session || session.phase === 'closed') return;
    if (message.kind === 'inventory') return this.inventory(session, message);
    if (session.phase === 'live') this.take(session, message);
  }

  disconnected(connection: Connection): void {
    const session = this.byConnection.get(connection);
    if (!session) return;
    this.byConnection.delete(connection);
    this.gone(session);
  }

  led(partition: number): void {
    for (const session of this.sessions.values()) if (session.partition === partition) this.welcome(session);
  }

  fell(partition: number): void {
    for (const session of this.sessions.values()) {
      if (session.partition !== partition) continue;
      session.phase = 'holding';
      session.unsent = [];
    }
    for (const [ticket, { session }] of this.awaited) {
      if (session.partition === partition) this.awaited.delete(ticket);
    }
  }

  sendOn(): void {
    for (const session of [...this.sessions.values()]) {
      if (this.owner.holds('tasks', session.partition)) continue;
      session.connection.down({ kind: 'moved', to: this.owner.addressOf(session.hello.tenantId) });
      this.close(session);
    }
  }

  /** The process is gone: its connections break. */
  die(): void {
    for (const session of this.sessions.values()) session.connection.close();
  }

  carryOut(unit: TasksUnit, effect: TasksEffect): void {
    if (!('agentId' in effect)) return;
    const session = this.sessions.get(agentKey(effect.tenantId, effect.agentId));
    if (session?.phase !== 'live') return;
    if (effect.kind === 'close-agent') return this.close(session);
    const order = this.orderOf(unit, session, effect);
    if (order) this.order(session, order);
  }

  forward({ tenant_id, agent_id, checks }: CheckRequest): void {
    const session = this.sessions.get(agentKey(tenant_id, agent_id));
    if (session?.phase !== 'live') return;
    this.order(session, { kind: 'check', checks });
    this.flush();
  }

  settled(tickets: readonly number[]): void {
    for (const ticket of tickets) {
      const report = this.awaited.get(ticket);
      if (!report) continue;
      this.awaited.delete(ticket);
      const { session, reportId, key } = report;
      this.world.witness.settled(session.hello.tenantId, key);
      this.order(session, { kind: 'ack', reportId });
    }
  }

  /** At the end of a turn: what has gathered leaves if the owner is fresh now, and else never. */
  flush(): void {
    for (const session of this.dirty) {
      const { unsent } = session;
      session.unsent = [];
      const host = this.owner.tasks.get(session.partition)?.host;
      if (session.phase !== 'live' || unsent.length === 0 || !host?.fresh(this.owner.nowMs())) continue;
      session.connection.down({ kind: 'orders', terms: session.terms, orders: unsent });
    }
    this.dirty.clear();
  }

  private orderOf(
    unit: TasksUnit,
    session: Session,
    effect: Extract<TasksEffect, { kind: 'push-lease' | 'push-cancel' | 'drop-lease' | 'ask-heartbeat' }>,
  ): Order | null {
    switch (effect.kind) {
      case 'push-cancel':
        return { kind: 'cancel', key: refOf(effect) };
      case 'drop-lease':
        return { kind: 'drop', key: refOf(effect) };
      case 'ask-heartbeat':
        session.nonce += 1;
        return { kind: 'heartbeat', nonce: session.nonce };
      case 'push-lease': {
        if (this.owner.nowMs() > effect.pushBeforeMs) return null;
        const lease = leaseView(unit.view, effect.tenantId, effect.taskId);
        if (!lease || lease.attempt !== effect.attempt || lease.life !== effect.life) return null;
        return { kind: 'lease', lease: { ...refOf(effect), spec: lease.spec, leaseMs: lease.leaseMs } };
      }
    }
  }

  private order(session: Session, order: Order): void {
    if (session.phase !== 'live') return;
    session.unsent.push(order);
    this.dirty.add(session);
  }

  private open(connection: Connection, hello: Hello): void {
    if (this.byConnection.has(connection)) return;
    const partition = partitionOf(hello.tenantId, this.world.scenario.partitions);
    if (!this.owner.holds('tasks', partition)) {
      connection.down({ kind: 'moved', to: this.owner.addressOf(hello.tenantId) });
      return connection.close();
    }
    const id = `s${this.world.ids.below(2 ** 31)}`;
    const terms = { epoch: 0, term: 0 };
    const session: Session = {
      id,
      hello,
      partition,
      connection,
      phase: 'holding',
      terms,
      nonce: 0,
      unsent: [],
    };
    const key = agentKey(hello.tenantId, hello.agentId);
    const older = this.sessions.get(key);
    if (older) {
      older.phase = 'closed';
      older.connection.close();
    }
    this.sessions.set(key, session);
    this.byConnection.set(connection, session);
    this.welcome(session);
  }

  private welcome(session: Session): void {
    const unit = this.owner.tasks.get(session.partition);
    if (!unit?.host.leading) return;
    const { tenantId, agentId } = session.hello;
    if (agentCredential(unit.view, tenantId, agentId) === null) {
      session.connection.down({ kind: 'refused' });
      return this.close(session);
    }
    session.phase = 'greeted';
    session.terms = unit.host.terms;
    session.unsent = [];
    session.connection.down({ kind: 'welcome', terms: session.terms });
  }

  private inventory(session: Session, message: Extract<Up, { kind: 'inventory' }>): void {
    const { epoch, term } = session.terms;
    if (session.phase !== 'greeted' || message.terms.epoch !== epoch || message.terms.term !== term) return;
    session.phase = 'live';
    const { labels, slots, capacity, executors } = session.hello;
    const inventory = message.held;
    const said = { labels, slots, ...(capacity && { capacity }), executors, agentVersion: '1', inventory };
    this.offer(session, { kind: 'connected', ...whoIs(session), ...said });
  }

  private take(session: Session, message: Up): void {
    const who = whoIs(session);
    switch (message.kind) {
      case 'heartbeat':
        return this.heartbeat(session, message);
      case 'started':
        this.offer(session, { kind: 'started', ...who, ...message.key, startedAtMs: message.startedAtMs });
        return;
      case 'result':
        this.offer(session, { kind: 'result', ...who, ...message.key, run: message.run }, message.reportId);
        return;
      case 'not-held':
        this.offer(session, { kind: 'not-held', ...who, ...message.key });
        return;
      case 'checked':
        return this.world.telemetry.tellResults(session.partition, who, message.results);
      case 'hello':
      case 'inventory':
      case 'closed':
        return;
    }
  }

  private heartbeat(session: Session, message: Extract<Up, { kind: 'heartbeat' }>): void {
    const { nonce, freeSlots, running, stopping } = message;
    if (nonce !== session.nonce) return;
    const answeredAtMs = this.owner.nowMs();
    if (
      !this.offer(session, {
        kind: 'heartbeat',
        ...whoIs(session),
        answeredAtMs,
        freeSlots,
        running,
        stopping,
      })
    )
      return;
    this.order(session, { kind: 'grant', nonce, leaseMs: this.world.scenario.tasksPolicy.leaseMs });
    this.flush();
  }

  private offer(session: Session, message: AgentMessage, reportId?: string): boolean {
    this.lastTicket += 1;
    const ticket = this.lastTicket;
    if (reportId !== undefined && message.kind === 'result') {
      const key = `${message.taskId}/${message.life}/${message.attempt}`;
      this.awaited.set(ticket, { session, reportId, key });
    }
    const unit = this.owner.tasks.get(session.partition);
    const taken = unit?.offer(message, ticket, `agent:${session.hello.agentId}`) ?? false;
    if (!taken) this.awaited.delete(ticket);
    return taken;
  }

  private gone(session: Session): void {
    const key = agentKey(session.hello.tenantId, session.hello.agentId);
    session.phase = 'closed';
    if (this.sessions.get(key) !== session) return;
    this.sessions.delete(key);
    this.offer(session, { kind: 'disconnected', ...whoIs(session) });
  }

  private close(session: Session): void {
    session.connection.close();
    this.byConnection.delete(session.connection);
    this.gone(session);
  }
}

function agentKey(tenantId: string, agentId: string): string {
  return `${tenantId}/${agentId}`;
}

function whoIs(session: Session): { tenantId: string; agentId: string; sessionId: string } {
  const { tenantId, agentId } = session.hello;
  return { tenantId, agentId, sessionId: session.id };
}
