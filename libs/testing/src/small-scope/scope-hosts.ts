import {
  type TasksContext,
  type TasksEffect,
  type TasksMessage,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import {
  type JournalEventBody,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { InMemoryLogCore } from '@fluxforge/events/in-memory';
import { type LogRecord, type StoredRecord, type TopicPartition } from '@fluxforge/events/log';
import {
  defaultHostLimits,
  PartitionHost,
  type HostRequest,
  type Justified,
} from '@fluxforge/events/partition-host';
import { topicsOf } from '@fluxforge/events/topics';
import { insist } from '../simulation/violation.js';

export type Host = PartitionHost<
  TasksState,
  TasksMessage,
  TasksEffect,
  TasksEventBody | JournalEventBody,
  StatesEventBody | JournalEventBody
>;

/**
 * What becomes of an append that a fault hits. `lost`: it lands, and the answer does not come. `late`: it lands
 * later, after that. `slow`: it lands later, and is answered then. `twice`: it is answered, and lands again later.
 */
export const appendFaults = ['lost', 'late', 'slow', 'twice'] as const;
export type AppendFault = (typeof appendFaults)[number];

interface Node {
  readonly host: Host;
  readonly followed: Map<string, number>;
}

interface Pending {
  readonly node: number;
  readonly id: number;
  readonly records: readonly LogRecord[];
  readonly answered: boolean;
}

/** Told of what lands, in that moment, and of what is to go out. */
export interface HostsListener {
  landed(record: StoredRecord, nowMs: number): void;
  effects(node: number, host: Host, effects: readonly Justified<TasksEffect>[]): void;
}

const startMs = 1_700_000_000_000;
const settleTicks = 40;
const settleStepMs = 150;

/** Two hosts of one partition on one log. Whatever they ask for is answered at once, unless a fault is armed. */
export class ScopeHosts {
  readonly nodes: Node[];
  nowMs = startMs;
  armed: AppendFault | null = null;
  pending: Pending[] = [];
  /** The host that the group has placed last. */
  placed = 0;
  private readonly core = new InMemoryLogCore();
  private readonly topics = topicsOf('scope');
  private readonly own: TopicPartition = { topic: this.topics.events.tasks, partition: 0 };
  private generation = 0;

  constructor(
    context: TasksContext,
    private readonly listener: HostsListener,
  ) {
    for (const topic of [this.topics.events, this.topics.commands].flatMap((t) => [t.tasks, t.states]))
      this.core.createTopic(topic, 1);
    this.nodes = ['a', 'b'].map((name) => ({
      host: new PartitionHost(context, {
        ...defaultHostLimits,
        context: 'tasks',
        partition: 0,
        ownerId: name.repeat(26),
        address: name,
        epoch: 1,
      }),
      followed: new Map<string, number>(),
    }));
  }

  /** Whoever was placed before is not told, as one that stands still is not. */
  assign(n: number): void {
    this.placed = n;
    this.generation += 1;
    this.step(n, ({ host }) => host.assigned(this.generation, this.nowMs));
  }

  offer(n: number, message: TasksMessage): void {
    this.step(n, ({ host }) => host.offer(message, 1, `m-${this.nowMs}`, this.nowMs));
  }

  command(record: LogRecord): void {
    this.core.append({ topic: this.topics.commands.tasks, partition: 0 }, [record], this.nowMs);
    this.feedAll();
  }

  /** What hung lands now; whoever waits for it hears so. */
  land(i: number): void {
    const { node, id, records, answered } = this.pending.splice(i, 1)[0] as Pending;
    const base = this.append(records);
    if (!answered) this.step(node, ({ host }) => host.appended(id, base, this.nowMs));
  }

  /** Time for what is due soon, until nothing moves any more. */
  settle(): void {
    for (let i = 0, still = 0; i < settleTicks && still < 4; i += 1) {
      const before = this.moved();
      this.feedAll();
      this.nowMs += settleStepMs;
      for (const n of this.nodes.keys()) this.step(n, ({ host }) => host.tick(this.nowMs));
      still = this.moved() === before ? still + 1 : 0;
    }
  }

  private moved(): string {
    const states = this.nodes.map(({ host }) => `${host.ownerState} ${host.leading} ${host.position?.next}`);
    return `${states.join()} ${this.core.end(this.own)}`;
  }

  private feedAll(): void {
    for (const [n, { followed }] of this.nodes.entries())
      for (const [topic, from] of [...followed]) {
        const batch = this.core.read({ topic, partition: 0 }, from, 100);
        if (batch.records.length === 0) continue;
        followed.set(topic, batch.next);
        const source = topic === this.topics.commands.tasks ? 'commands' : 'foreign';
        this.step(n, ({ host }) => host.feed(source, batch, this.nowMs));
      }
  }

  private step(n: number, input: (node: Node) => void): void {
    const node = this.nodes[n] as Node;
    input(node);
    for (let requests = node.host.drain(); requests.length > 0; requests = node.host.drain())
      for (const request of requests) this.carryOut(n, node, request);
  }

  private carryOut(n: number, node: Node, request: HostRequest<TasksEffect>): void {
    const { host, followed } = node;
    switch (request.kind) {
      case 'append':
        return this.appendOf(n, host, request.id, request.records);
      case 'read':
        return host.readDone(request.id, this.core.read(this.own, request.from, 64), this.nowMs);
      case 'probe':
        return host.probed(request.id, this.core.end(this.own), this.nowMs);
      case 'load-snapshot':
        return host.snapshot(null);
      case 'follow':
        followed.set(this.topicOf(request.source), request.from);
        return;
      case 'unfollow':
        followed.delete(this.topicOf(request.source));
        return;
      case 'effects':
        return this.listener.effects(n, host, request.effects);
      case 'dead-letter':
      case 'message-dropped':
      case 'stopped':
        return insist(false, 'no partition stops', () => request.reason);
      default:
        return;
    }
  }

  private topicOf(source: 'commands' | 'foreign'): string {
    return source === 'commands' ? this.topics.commands.tasks : this.topics.events.states;
  }

  private appendOf(node: number, host: Host, id: number, records: readonly LogRecord[]): void {
    const fault = this.armed;
    this.armed = null;
    if (fault === 'lost') this.append(records);
    if (fault === 'late' || fault === 'slow' || fault === 'twice')
      this.pending.push({ node, id, records, answered: fault !== 'slow' });
    if (fault === 'lost' || fault === 'late') return host.appendFailed(id, 'unknown', this.nowMs);
    if (fault !== 'slow') host.appended(id, this.append(records), this.nowMs);
  }

  /** Lands, and is judged. */
  private append(records: readonly LogRecord[]): number {
    const base = this.core.append(this.own, records, this.nowMs);
    for (const record of this.core.read(this.own, base, records.length).records) {
      this.listener.landed(record, this.nowMs);
    }
    return base;
  }
}
