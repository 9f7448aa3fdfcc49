import { type TopicPartition } from '../log/index.js';
import {
  type BrokerAddress,
  BrokerConnection,
  BrokerError,
  ConnectError,
  type ConnectionSettings,
} from './broker-connection.js';
import { type Deadline, delay } from './deadline.js';
import { ErrorCode } from './error-codes.js';
import { byKafkajs, metadataRequest, type MetadataAnswer } from './protocol.js';

export interface ClusterMapOptions extends ConnectionSettings {
  readonly brokers: readonly string[];
  readonly resolveBroker?: (advertised: BrokerAddress) => BrokerAddress;
}

/** The topic does not exist, as far as the brokers that could be asked know. */
export class NoSuchTopic extends Error {}

export interface TopicShape {
  readonly leaders: readonly number[];
  readonly replication: number;
}

const RETRY_MS = 50;
/** A topic that was just created is not known to every broker at once. */
const UNKNOWN_TOPIC_GRACE_MS = 1_000;
const GROUP_COORDINATOR = 0;
const CONTROL_LANE = 'control';

/** Who leads what and where to reach them, with the shared connections by broker and purpose (lane). */
export class ClusterMap {
  private readonly addresses = new Map<number, BrokerAddress>();
  private readonly topics = new Map<string, TopicShape>();
  private readonly connections = new Map<string, BrokerConnection>();
  private readonly asked = new Map<string, Promise<void>>();
  private readonly bootstrap: readonly BrokerAddress[];
  private nextBootstrap = 0;
  private closed = false;

  constructor(private readonly options: ClusterMapOptions) {
    this.bootstrap = options.brokers.map(parseAddress);
    if (this.bootstrap.length === 0) throw new Error('at least one broker address is needed');
  }

  cachedLeader(tp: TopicPartition): number | undefined {
    const leader = this.topics.get(tp.topic)?.leaders[tp.partition];
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** Forget what is known of a topic, after a broker said that it is not so. */
  invalidate(topic: string): void {
    this.topics.delete(topic);
  }

  /** @throws NoSuchTopic, or another error when nobody could say in time */
  async leaderOf(tp: TopicPartition, deadline: Deadline): Promise<number> {
    const graceUntilMs = performance.now() + UNKNOWN_TOPIC_GRACE_MS;
    for (;;) {
      const leader = this.cachedLeader(tp) ?? (await this.askForLeader(tp, deadline, graceUntilMs));
      if (leader !== undefined) return leader;
      if (deadline.leftMs() <= RETRY_MS) throw new ConnectError(`${tp.topic}[${tp.partition}] has no leader`);
      await delay(RETRY_MS);
    }
  }

  private async askForLeader(
    tp: TopicPartition,
    deadline: Deadline,
    graceUntilMs: number,
  ): Promise<number | undefined> {
    try {
      await this.describeTopic(tp.topic, deadline);
    } catch (error: unknown) {
      const mayStillAppear = error instanceof NoSuchTopic && performance.now() < graceUntilMs;
      if (!mayStillAppear || deadline.over) throw error;
    }
    const shape = this.topics.get(tp.topic);
    if (shape && tp.partition >= shape.leaders.length) {
      throw new NoSuchTopic(`${tp.topic} has no partition ${tp.partition}`);
    }
    return this.cachedLeader(tp);
  }

  /** Asks the brokers anew; callers that ask for the same topic meanwhile share the answer. */
  async describeTopic(topic: string, deadline: Deadline): Promise<TopicShape> {
    const asked = this.asked.get(topic) ?? this.refresh([topic], deadline);
    this.asked.set(topic, asked);
    await asked.finally(() => this.asked.delete(topic));
    const shape = this.topics.get(topic);
    if (!shape) throw new NoSuchTopic(`no topic ${topic}`);
    return shape;
  }

  async refresh(topics: readonly string[], deadline: Deadline): Promise<void> {
    const answer = await this.askAny(
      (connection) => connection.send(metadataRequest(topics), deadline.leftMs()),
      deadline,
    );
    this.take(answer, topics);
  }

  /** The node that keeps the group. @throws BrokerError, ConnectError, NoAnswerError */
  async coordinatorOf(group: string, deadline: Deadline): Promise<number> {
    const request = byKafkajs<{ coordinator: { nodeId: number; host: string; port: number } }>(
      'GroupCoordinator',
      2,
      { groupId: group, coordinatorType: GROUP_COORDINATOR },
    );
    const { coordinator } = await this.askAny((c) => c.send(request, deadline.leftMs()), deadline);
    this.addresses.set(coordinator.nodeId, this.resolve(coordinator));
    return coordinator.nodeId;
  }

  /** The shared connection to a node for one purpose, opened when it is not. @throws ConnectError */
  async connection(nodeId: number, lane: string, deadline: Deadline): Promise<BrokerConnection> {
    const address = this.addresses.get(nodeId);
    if (!address) throw new ConnectError(`no address of broker ${nodeId}`);
    return this.shared(address, lane, deadline);
  }

  /** A connection that belongs to the caller, who also closes it. @throws ConnectError */
  async dedicated(nodeId: number, deadline: Deadline): Promise<BrokerConnection> {
    const address = this.addresses.get(nodeId);
    if (!address || this.closed) throw new ConnectError(`no address of broker ${nodeId}`);
    const connection = new BrokerConnection(address, this.options);
    await connection.open(deadline.leftMs());
    return connection;
  }

  /** Tries the known brokers, then the configured ones, until one answers. */
  async askAny<T>(ask: (connection: BrokerConnection) => Promise<T>, deadline: Deadline): Promise<T> {
    const rotated = this.bootstrap.map(
      (_, i) => this.bootstrap[(this.nextBootstrap + i) % this.bootstrap.length]!,
    );
    let last: unknown = new ConnectError('no broker could be asked in time');
    for (const address of [...this.addresses.values(), ...rotated]) {
      if (deadline.over) break;
      try {
        return await ask(await this.shared(address, CONTROL_LANE, deadline));
      } catch (error: unknown) {
        if (error instanceof BrokerError) throw error;
        last = error;
      }
    }
    this.nextBootstrap += 1;
    throw last;
  }

  close(): void {
    this.closed = true;
    for (const connection of this.connections.values()) connection.destroy();
    this.connections.clear();
  }

  private async shared(address: BrokerAddress, lane: string, deadline: Deadline): Promise<BrokerConnection> {
    if (this.closed) throw new ConnectError('the log client is closed');
    const key = `${address.host}:${address.port}/${lane}`;
    let connection = this.connections.get(key);
    if (!connection?.usable) {
      connection = new BrokerConnection(address, this.options);
      this.connections.set(key, connection);
    }
    await connection.open(deadline.leftMs());
    return connection;
  }

  private take(answer: MetadataAnswer, asked: readonly string[]): void {
    for (const broker of answer.brokers) this.addresses.set(broker.nodeId, this.resolve(broker));
    const live = new Set(answer.brokers.map((broker) => broker.nodeId));
    for (const nodeId of this.addresses.keys()) if (!live.has(nodeId)) this.addresses.delete(nodeId);
    for (const topic of asked) this.topics.delete(topic);
    for (const { topic, topicErrorCode, partitionMetadata } of answer.topicMetadata) {
      if (topicErrorCode !== ErrorCode.none) continue;
      const leaders: number[] = [];
      for (const p of partitionMetadata) leaders[p.partitionId] = p.leader;
      this.topics.set(topic, { leaders, replication: partitionMetadata[0]?.replicas.length ?? 0 });
    }
  }

  private resolve({ host, port }: BrokerAddress): BrokerAddress {
    return this.options.resolveBroker?.({ host, port }) ?? { host, port };
  }
}

function parseAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port)) throw new Error(`broker address ${text} is not host:port`);
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}
