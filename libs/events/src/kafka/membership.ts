import {
  type GroupHandlers,
  type GroupOptions,
  type GroupView,
  type Membership,
  ReadError,
} from '../log/index.js';
import { type BrokerConnection, BrokerError } from './broker-connection.js';
import { type ClusterMap } from './cluster-map.js';
import { backoffMs, Deadline, delay } from './deadline.js';
import { ErrorCode } from './error-codes.js';
import {
  describeRequest,
  heartbeatRequest,
  joinRequest,
  type JoinAnswer,
  leaveRequest,
  planAssignments,
  readAssignment,
  readNote,
  syncRequest,
} from './group-protocol.js';
import { type WireRequest } from './kafkajs-internals.js';
import { reported } from './topics.js';

const REQUEST_TIMEOUT_MS = 3_000;
const JOIN_GRACE_MS = 5_000;
const VIEW_TIMEOUT_MS = 5_000;
const VIEW_POLL_MS = 50;
const LEAVE_TIMEOUT_MS = 1_500;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 2_000;
const NO_MEMBER = '';

/**
 * Membership in a group, for placement only: no data is fetched and no offset committed.
 *
 * joining -> placed (heartbeats) -> joining (the group rebalances) -> placed ...
 * placed or joining -> lost (unknown member, or no heartbeat answered for a session) -> joining
 * any -> closed
 *
 * While it rejoins it keeps what it held: losing a partition a little late is harmless, as the journal's
 * claim decides who owns it. Errors are retried for ever, with backoff.
 */
export class KafkaMembership implements Membership {
  private memberId = NO_MEMBER;
  private generation = -1;
  private held: readonly number[] = [];
  /** Told of an assignment, and not told that it is lost. */
  private placed = false;
  /** When the last heartbeat (or join) that was answered had been sent. */
  private lastSeenMs = 0;
  private connection?: BrokerConnection;
  private readonly ended: Promise<void>;
  private endNow: () => void = () => {};
  private closed = false;

  constructor(
    private readonly cluster: ClusterMap,
    private readonly options: GroupOptions,
    private readonly handlers: GroupHandlers,
    private readonly log: (message: string, error?: unknown) => void,
  ) {
    this.ended = new Promise((resolve) => (this.endNow = resolve));
    void this.run();
  }

  async view(): Promise<GroupView> {
    const deadline = new Deadline(VIEW_TIMEOUT_MS);
    return reported(`view of group ${this.options.group}`, async () => {
      for (;;) {
        const view = await this.describe(deadline);
        if (view) return view;
        if (deadline.leftMs() <= VIEW_POLL_MS)
          throw new ReadError('unavailable', 'the group does not settle');
        await delay(VIEW_POLL_MS);
      }
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.endNow();
    this.connection?.destroy();
    this.lose();
    await this.leave().catch((error: unknown) => this.log('leaving the group failed', error));
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.closed;) {
      try {
        await this.join();
        failures = 0;
        await this.beatUntilRebalance();
      } catch (error: unknown) {
        if (this.closed) return;
        this.loseIfOut(error);
        this.log(`membership in ${this.options.group}: trying again`, error);
        await this.pause(backoffMs(failures, FIRST_BACKOFF_MS, MAX_BACKOFF_MS));
        failures += 1;
      }
    }
  }

  private async join(): Promise<void> {
    const sentMs = performance.now();
    const joined = await this.ask(
      () => joinRequest(this.options, this.memberId, this.note()),
      this.options.rebalanceTimeoutMs + JOIN_GRACE_MS,
    ).catch((error: unknown) => this.askAgainWithId(error));
    this.memberId = joined.memberId;
    const assignments = joined.leaderId === joined.memberId ? await this.plan(joined) : [];
    const { memberAssignment } = await this.ask(
      () => syncRequest(this.options.group, joined.generationId, this.memberId, assignments),
      this.options.rebalanceTimeoutMs + JOIN_GRACE_MS,
    );
    if (this.closed) return;
    this.lastSeenMs = sentMs;
    this.held = readAssignment(memberAssignment).partitions;
    this.generation = joined.generationId;
    this.placed = true;
    this.handlers.onAssigned(this.held, this.generation);
  }

  /** A newcomer is told its id first and asks again with it, so that a lost answer leaves no ghost behind. */
  private askAgainWithId(error: unknown): Promise<JoinAnswer> {
    const memberId = memberIdFrom(error);
    if (memberId === undefined) throw error;
    this.memberId = memberId;
    return this.ask(
      () => joinRequest(this.options, this.memberId, this.note()),
      this.options.rebalanceTimeoutMs + JOIN_GRACE_MS,
    );
  }

  private note() {
    return { metadata: this.options.metadata, held: this.held, heldGeneration: this.generation };
  }

  private async plan(joined: JoinAnswer) {
    const deadline = new Deadline(REQUEST_TIMEOUT_MS);
    const counts = new Set<number>();
    for (const topic of this.options.topics) {
      counts.add((await this.cluster.describeTopic(topic, deadline)).leaders.length);
    }
    if (counts.size !== 1) {
      throw new Error(`${this.options.topics.join(', ')} have different partition counts`);
    }
    return planAssignments(joined, this.options.topics, [...counts][0]!);
  }

  /** Returns when the group rebalances; throws when the membership is in doubt. */
  private async beatUntilRebalance(): Promise<void> {
    const { group, heartbeatIntervalMs } = this.options;
    while (!this.closed) {
      await this.pause(heartbeatIntervalMs);
      if (this.closed) return;
      const sentMs = performance.now();
      try {
        const request = () => heartbeatRequest(group, this.generation, this.memberId);
        await this.ask(request, Math.min(REQUEST_TIMEOUT_MS, this.sessionLeftMs()));
        this.lastSeenMs = sentMs;
        if (!this.closed) this.handlers.onHeartbeat(this.generation);
      } catch (error: unknown) {
        if (isCode(error, ErrorCode.rebalanceInProgress)) return;
        if (isOut(error) || this.sessionIsOver()) throw error;
        this.log(`heartbeat to ${group} failed`, error);
        if (this.closed) return;
      }
    }
  }

  private async ask<T>(request: () => WireRequest<T>, timeoutMs: number): Promise<T> {
    const deadline = new Deadline(timeoutMs);
    if (!this.connection?.usable) {
      const connected = new Deadline(Math.min(timeoutMs, REQUEST_TIMEOUT_MS));
      const coordinator = await this.cluster.coordinatorOf(this.options.group, connected);
      this.connection = await this.cluster.dedicated(coordinator, connected);
    }
    if (this.closed) {
      this.connection.destroy();
      throw new Error('the membership is closed');
    }
    try {
      return await this.connection.send(request(), deadline.leftMs());
    } catch (error: unknown) {
      if (isCode(error, ErrorCode.notCoordinator) || isCode(error, ErrorCode.coordinatorNotAvailable)) {
        this.connection.destroy();
      }
      throw error;
    }
  }

  private loseIfOut(error: unknown): void {
    if (isCode(error, ErrorCode.unknownMemberId)) this.memberId = NO_MEMBER;
    if (isOut(error) || this.sessionIsOver()) this.lose();
  }

  private sessionLeftMs(): number {
    return Math.max(0, this.lastSeenMs + this.options.sessionTimeoutMs - performance.now());
  }

  private sessionIsOver(): boolean {
    return this.sessionLeftMs() === 0;
  }

  private lose(): void {
    if (!this.placed) return;
    this.placed = false;
    this.handlers.onLost();
  }

  private async leave(): Promise<void> {
    if (this.memberId === NO_MEMBER) return;
    const deadline = new Deadline(LEAVE_TIMEOUT_MS);
    const coordinator = await this.cluster.coordinatorOf(this.options.group, deadline);
    const connection = await this.cluster.dedicated(coordinator, deadline);
    try {
      await connection.send(leaveRequest(this.options.group, this.memberId), deadline.leftMs());
    } finally {
      connection.destroy();
    }
  }

  /** The settled group, or undefined while it rebalances: the coordinator then tells nothing of its members. */
  private async describe(deadline: Deadline): Promise<GroupView | undefined> {
    const coordinator = await this.cluster.coordinatorOf(this.options.group, deadline);
    const connection = await this.cluster.connection(coordinator, 'query', deadline);
    const { groups } = await connection.send(describeRequest(this.options.group), deadline.leftMs());
    const [group] = groups;
    if (!group || group.state === 'Dead' || group.state === 'Empty') return { generation: -1, members: [] };
    if (group.state !== 'Stable') return undefined;
    const placements = group.members.map((member) => readAssignment(member.memberAssignment));
    return {
      generation: Math.max(...placements.map((placed) => placed.generation)),
      members: group.members.map(({ memberId, memberMetadata }, i) => ({
        memberId,
        metadata: readNote(memberMetadata).metadata,
        partitions: placements[i]!.partitions,
      })),
    };
  }

  private async pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([elapsed, this.ended]);
    clearTimeout(timer);
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof BrokerError && error.code === code;
}

/** The coordinator says that this member, or its generation, is not of the group. */
function isOut(error: unknown): boolean {
  return isCode(error, ErrorCode.unknownMemberId) || isCode(error, ErrorCode.illegalGeneration);
}

function memberIdFrom(error: unknown): string | undefined {
  return error instanceof BrokerError && error.code === ErrorCode.memberIdRequired
    ? error.memberId
    : undefined;
}
