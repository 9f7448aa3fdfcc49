import { type PartitionOffsets, ReadError, type TopicPartition, type TopicSpec } from '../log/index.js';
import { BrokerError, type BrokerConnection } from './broker-connection.js';
import { type ClusterMap, NoSuchTopic } from './cluster-map.js';
import { Deadline, delay } from './deadline.js';
import { classifyRead, ErrorCode } from './error-codes.js';
import { byKafkajs, deleteRecordsRequest, listOffsetsRequest, unchecked } from './protocol.js';

const ADMIN_TIMEOUT_MS = 15_000;
const OFFSETS_TIMEOUT_MS = 5_000;
const POLL_MS = 50;
const TOPIC_RESOURCE = 2;
const END = -1;
const START = -2;
const QUERY_LANE = 'query';

interface CreateTopicsAnswer {
  readonly topicErrors: readonly {
    readonly topic: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}

interface DescribeConfigsAnswer {
  readonly resources: readonly {
    readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
  }[];
}

/** Questions about topics and their offsets, each with a deadline of its own. */
export class Topics {
  constructor(private readonly cluster: ClusterMap) {}

  async ensure(specs: readonly TopicSpec[]): Promise<void> {
    const deadline = new Deadline(ADMIN_TIMEOUT_MS);
    await reported('topics cannot be created', async () => {
      const missing: TopicSpec[] = [];
      for (const spec of specs) if (!(await this.exists(spec, deadline))) missing.push(spec);
      if (missing.length > 0) await this.create(missing, deadline);
      for (const spec of missing) await this.untilKnown(spec, deadline);
    });
  }

  async settings(topic: string) {
    const deadline = new Deadline(ADMIN_TIMEOUT_MS);
    return reported(`settings of ${topic}`, async () => {
      const { leaders, replication } = await this.cluster.describeTopic(topic, deadline);
      const request = byKafkajs<DescribeConfigsAnswer>('DescribeConfigs', 2, {
        resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: [] }],
      });
      const { resources } = await this.cluster.askAny((c) => c.send(request, deadline.leftMs()), deadline);
      const entries = resources[0]?.configEntries ?? [];
      const config = Object.fromEntries(entries.map((e) => [e.configName, e.configValue ?? '']));
      return { partitions: leaders.length, replication, config };
    });
  }

  async offsets(tp: TopicPartition): Promise<PartitionOffsets> {
    const [low, end] = await Promise.all([this.offsetFor(tp, START), this.offsetFor(tp, END)]);
    return { low, end };
  }

  async offsetAt(tp: TopicPartition, timestampMs: number): Promise<number> {
    const found = await this.offsetFor(tp, timestampMs);
    return found >= 0 ? found : this.offsetFor(tp, END);
  }

  async trim(tp: TopicPartition, beforeOffset: number): Promise<number> {
    const deadline = new Deadline(ADMIN_TIMEOUT_MS);
    return reported(`trim of ${tp.topic}[${tp.partition}]`, async () => {
      const answer = await onLeader(this.cluster, tp, QUERY_LANE, deadline, async (connection) => {
        const timeoutMs = Math.ceil(deadline.leftMs());
        const request = deleteRecordsRequest(tp.topic, tp.partition, beforeOffset, timeoutMs);
        const { topics } = await connection.send(request, deadline.leftMs());
        const found = topics[0]?.partitions[0];
        if (found?.errorCode === ErrorCode.none) return found;
        const code = found?.errorCode ?? -1;
        throw new ReadError(classifyRead(code), `the broker answered error ${code} to ${beforeOffset}`);
      });
      return Number(answer.lowWatermark);
    });
  }

  private async offsetFor(tp: TopicPartition, timestamp: number): Promise<number> {
    const deadline = new Deadline(OFFSETS_TIMEOUT_MS);
    return reported(`offsets of ${tp.topic}[${tp.partition}]`, async () => {
      const request = listOffsetsRequest(tp.topic, tp.partition, timestamp);
      const answer = await onLeader(this.cluster, tp, QUERY_LANE, deadline, (connection) =>
        connection.send(request, deadline.leftMs()),
      );
      return Number(answer.responses[0]?.partitions[0]?.offset ?? -1);
    });
  }

  private async exists(spec: TopicSpec, deadline: Deadline): Promise<boolean> {
    try {
      const { leaders } = await this.cluster.describeTopic(spec.topic, deadline);
      if (leaders.length === spec.partitions) return true;
      const message = `topic ${spec.topic} has ${leaders.length} partitions, not ${spec.partitions}`;
      throw new ReadError('fatal', message);
    } catch (error: unknown) {
      if (error instanceof NoSuchTopic) return false;
      throw error;
    }
  }

  private async create(specs: readonly TopicSpec[], deadline: Deadline): Promise<void> {
    const made = byKafkajs<CreateTopicsAnswer>('CreateTopics', 3, {
      topics: specs.map((spec) => ({
        topic: spec.topic,
        numPartitions: spec.partitions,
        replicationFactor: spec.replication,
        configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
      })),
      timeout: Math.ceil(deadline.leftMs()),
    });
    const { topicErrors } = await this.cluster.askAny(
      (c) => c.send(unchecked(made), deadline.leftMs()),
      deadline,
    );
    for (const { topic, errorCode, errorMessage } of topicErrors) {
      // Another process of ours may create the same topics at the same time.
      if (errorCode === ErrorCode.none || errorCode === ErrorCode.topicAlreadyExists) continue;
      throw new ReadError('fatal', `topic ${topic}: ${errorMessage ?? `error ${errorCode}`}`);
    }
  }

  private async untilKnown(spec: TopicSpec, deadline: Deadline): Promise<void> {
    while (!deadline.over) {
      if ((await this.exists(spec, deadline)) && (await this.answersEverywhere(spec))) return;
      await delay(POLL_MS);
    }
    throw new ReadError('unavailable', `topic ${spec.topic} was created and is not there yet`);
  }

  /** A broker is named as a leader a moment before it acts as one, and refuses appends until then. */
  private async answersEverywhere({ topic, partitions }: TopicSpec): Promise<boolean> {
    const asked = Array.from({ length: partitions }, (_, partition) =>
      this.offsetFor({ topic, partition }, END),
    );
    const answers = await Promise.allSettled(asked);
    return answers.every(({ status }) => status === 'fulfilled');
  }
}

/** Asks the partition's leader; when it turns out not to lead, again after asking who does, until the deadline. */
export async function onLeader<T>(
  cluster: ClusterMap,
  tp: TopicPartition,
  lane: string,
  deadline: Deadline,
  ask: (connection: BrokerConnection) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      const leader = await cluster.leaderOf(tp, deadline);
      return await ask(await cluster.connection(leader, lane, deadline));
    } catch (error: unknown) {
      cluster.invalidate(tp.topic);
      const settled = error instanceof ReadError && error.failure !== 'unavailable';
      if (settled || error instanceof NoSuchTopic || deadline.leftMs() < POLL_MS) throw error;
      await delay(POLL_MS);
    }
  }
}

/** Turns every failure of reading into the port's error. */
export async function reported<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause: unknown) {
    if (cause instanceof ReadError) throw cause;
    const failure =
      cause instanceof NoSuchTopic
        ? 'fatal'
        : cause instanceof BrokerError
          ? classifyRead(cause.code)
          : 'unavailable';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ReadError(failure, `${what}: ${why}`, { cause });
  }
}
