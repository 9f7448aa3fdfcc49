import { ReadError, type Tail, type TailHandlers, type TopicPartition } from '../log/index.js';
import { type ClusterMap, NoSuchTopic } from './cluster-map.js';
import { Deadline } from './deadline.js';
import { FetchLane, type LaneOwner } from './fetch-lane.js';
import { type Claim, FollowedPartition } from './followed-partition.js';

const MAX_WAIT_MS = 500;
const MAX_LANES = 4;
/** A side lane comes back this long before the main lane, which then takes its partitions over. */
const HAND_BACK_MS = 5;
const MIN_WAIT_MS = 5;
/** Main lane due within this: its return is waited for instead of fetching once more. */
const NEARLY_DUE_MS = 15;
const LEADER_TIMEOUT_MS = 3_000;

/**
 * Follows partitions by long polls. Each broker has a main lane, whose one fetch covers nearly everything,
 * and a few side lanes for partitions that become free while it waits (newly followed, or a slow handler
 * is done): these are fetched at once and join the main lane at its next turn. So no partition waits for
 * another, and at rest there are two requests a second per broker.
 */
export class KafkaTail implements Tail {
  private readonly followed = new Map<string, FollowedPartition>();
  private readonly nodes = new Map<number, NodeLanes>();
  private resolving = false;
  private scheduled = false;
  private closed = false;
  private rotation = 0;

  constructor(
    private readonly cluster: ClusterMap,
    private readonly handlers: TailHandlers,
    private readonly onClose: (tail: KafkaTail) => void,
  ) {}

  follow(tp: TopicPartition, from: number): void {
    if (this.closed) throw new Error('the tail is closed');
    const key = keyOf(tp);
    const existing = this.followed.get(key);
    if (existing) existing.moveTo(from);
    else {
      const partition = new FollowedPartition(tp, from, this.handlers, {
        onFree: () => this.schedule(),
        onDrained: () => this.followed.delete(key),
      });
      this.followed.set(key, partition);
    }
    this.schedule();
  }

  unfollow(tp: TopicPartition): void {
    this.followed.get(keyOf(tp))?.stop();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const partition of this.followed.values()) partition.stop();
    this.followed.clear();
    for (const node of this.nodes.values()) node.close();
    this.onClose(this);
  }

  /** The free partitions that this node leads become claims of one fetch. */
  claimFor(nodeId: number): Claim[] {
    const free = [...this.followed.values()].filter(
      (partition) => partition.free && this.cluster.cachedLeader(partition.tp) === nodeId,
    );
    if (free.length === 0) return [];
    // The first partition with data gets its batch whole whatever the budget, so each must come first at times.
    this.rotation = (this.rotation + 1) % free.length;
    return [...free.slice(this.rotation), ...free.slice(0, this.rotation)].map((partition) =>
      partition.take(),
    );
  }

  /** Once per turn, so that many follows in a row share one fetch. */
  schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.closed) this.dispatch();
    });
  }

  private dispatch(): void {
    const leaderless: FollowedPartition[] = [];
    for (const partition of this.followed.values()) {
      if (!partition.free) continue;
      const leader = this.cluster.cachedLeader(partition.tp);
      if (leader === undefined) leaderless.push(partition);
      else this.node(leader).wake();
    }
    if (leaderless.length > 0 && !this.resolving) void this.resolve(leaderless);
  }

  private async resolve(leaderless: readonly FollowedPartition[]): Promise<void> {
    this.resolving = true;
    const claims = leaderless.map((partition) => partition.take());
    const topics = [...new Set(leaderless.map(({ tp }) => tp.topic))];
    const deadline = new Deadline(LEADER_TIMEOUT_MS);
    let failure: unknown;
    await this.cluster.refresh(topics, deadline).catch((error: unknown) => (failure = error));
    this.resolving = false;
    for (const claim of claims) {
      const { tp } = claim.partition;
      const known = this.cluster.cachedLeader(tp) !== undefined;
      const cause = failure ?? new NoSuchTopic(`${tp.topic}[${tp.partition}] has no leader`);
      if (known) claim.partition.release(claim);
      else claim.partition.failed(claim, new ReadError('unavailable', textOf(cause), { cause }));
    }
    this.schedule();
  }

  private node(nodeId: number): NodeLanes {
    let node = this.nodes.get(nodeId);
    if (!node) this.nodes.set(nodeId, (node = new NodeLanes(nodeId, this, this.cluster)));
    return node;
  }
}

/** The lanes to one broker; the first is the main one. */
class NodeLanes implements LaneOwner {
  private readonly lanes: FetchLane[] = [new FetchLane(this)];

  constructor(
    private readonly nodeId: number,
    private readonly tail: KafkaTail,
    private readonly cluster: ClusterMap,
  ) {}

  wake(): void {
    const idle = this.lanes.find((lane) => !lane.busy);
    if (idle) idle.wake();
    else if (this.lanes.length < MAX_LANES) {
      const lane = new FetchLane(this);
      this.lanes.push(lane);
      lane.wake();
    }
  }

  nextFetch(lane: FetchLane, again: boolean): { claims: readonly Claim[]; maxWaitMs: number } | undefined {
    const main = this.lanes[0]!;
    const isSide = lane !== main;
    const mainDueInMs = main.busy ? main.dueMs - performance.now() : 0;
    if (isSide && again && mainDueInMs <= NEARLY_DUE_MS) return undefined;
    const claims = this.tail.claimFor(this.nodeId);
    if (claims.length === 0) return undefined;
    const maxWaitMs = isSide ? Math.max(MIN_WAIT_MS, Math.floor(mainDueInMs - HAND_BACK_MS)) : MAX_WAIT_MS;
    return { claims, maxWaitMs };
  }

  connect(deadline: Deadline) {
    return this.cluster.dedicated(this.nodeId, deadline);
  }

  onUnavailable({ partition }: Claim): void {
    this.cluster.invalidate(partition.tp.topic);
  }

  onIdle(): void {
    // A side lane that left its partitions to the main lane finds it idle at times: then nobody has them.
    if (!this.lanes[0]!.busy) this.tail.schedule();
  }

  close(): void {
    for (const lane of this.lanes) lane.close();
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function keyOf(tp: TopicPartition): string {
  return `${tp.topic}/${tp.partition}`;
}
