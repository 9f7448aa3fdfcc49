import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, type ContextName, type JournalEventBody } from '@fluxforge/events/catalogue';
import { encodeCommand } from '@fluxforge/events/envelope';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { type LogPort } from '@fluxforge/events/log';
import { type HostContext, HostGroup, type Snapshot } from '@fluxforge/events/partition-host';
import { topicsOf, topicSpecs, type Topics } from '@fluxforge/events/topics';
import { eventually } from '../log.features.js';
import { DiskSnapshots } from './disk-snapshots.js';
import { SnapshotKeeper, type KeeperParts } from './keeper.js';
import { SnapshotLoader } from './loader.js';
import { type KeeperNews } from './news.js';
import { PastStates, type PastBounds } from './past-states.js';
import { defaultSnapshotPace, type SnapshotPace } from './settings.js';
import { type SnapshotStore } from './stored-snapshot.js';

/** What a ledger has seen, in order. */
export interface Ledger {
  readonly own: string[];
  readonly foreign: string[];
}

type Own = JournalEventBody;
export type LedgerContext = HostContext<Ledger, never, never, Own, Own>;

/** The smallest context that has both folds: it answers each command and remembers what both logs hold. */
export function ledgerContext(name: ContextName): LedgerContext {
  return {
    name,
    initial: () => ({ own: [], foreign: [] }),
    evolve: (state, fact) => {
      if (fact.type === 'command.accepted') state.own.push(fact.subject);
    },
    evolveForeign: (state, fact) => {
      if (fact.type === 'command.accepted') state.foreign.push(fact.subject);
    },
    observe: () => undefined,
    decide: (_state, input) => {
      if (input.kind !== 'command') return [];
      const { id } = input.command;
      return [{ type: 'command.accepted', tenantId: 't', subject: id, data: { command_id: id } }];
    },
    plan: () => [],
    wakeAtMs: () => null,
    effects: () => [],
    pulse: () => [],
    resume: () => [],
    serialize: (state) => JSON.stringify(state),
    deserialize: (text) => JSON.parse(text) as Ledger,
  };
}

const inMemoryPrefix = 'ff';
export const partition = 0;
/** Of worlds in memory. */
export const topics = topicsOf(inMemoryPrefix);
export const shape = 'ledger-1';

interface Owner {
  readonly group: HostGroup<Ledger, never, never, Own, Own>;
  readonly stopped: string[];
  readonly begunAt: (number | null)[];
  close(): Promise<void>;
}

/** Hosts of both contexts on one log, with snapshots in a folder of their own. */
export class LedgerWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'ff-snapshots-'));
  readonly disk = new DiskSnapshots(this.folder);
  readonly news: KeeperNews[] = [];
  readonly ignored: string[] = [];
  readonly log: LogPort;
  readonly topics: Topics;
  private readonly clients: LogPort[] = [];
  private readonly owners = new Set<Owner>();
  private sent = 0;

  private constructor(
    readonly cluster: InMemoryCluster | null,
    private readonly prefix: string,
    private readonly makeClient: () => LogPort,
  ) {
    this.log = this.connect();
    this.topics = topicsOf(prefix);
  }

  static async inMemory(nowMs?: () => number): Promise<LedgerWorld> {
    const cluster = new InMemoryCluster(nowMs ? { nowMs } : {});
    return LedgerWorld.made(new LedgerWorld(cluster, inMemoryPrefix, () => new InMemoryLog(cluster)));
  }

  static async on(prefix: string, connect: () => LogPort): Promise<LedgerWorld> {
    return LedgerWorld.made(new LedgerWorld(null, prefix, connect));
  }

  private connect(): LogPort {
    const client = this.makeClient();
    this.clients.push(client);
    return client;
  }

  private static async made(world: LedgerWorld): Promise<LedgerWorld> {
    const durability = { partitions: 1, replication: 1, minInsyncReplicas: 1 };
    await world.log.ensureTopics(topicSpecs(world.prefix, durability));
    return world;
  }

  loader(
    context: ContextName,
    stores: readonly SnapshotStore[] = [this.disk],
    asked = shape,
  ): SnapshotLoader {
    return new SnapshotLoader(this.log, stores, {
      context,
      shape: asked,
      eventsTopic: this.topics.events[context],
      onIgnored: (_of, { store, next, because }) => void this.ignored.push(`${store}@${next}: ${because}`),
      onStoreFailed: (_of, store, error) => void this.ignored.push(`${store}: ${String(error)}`),
      listTimeoutMs: 400,
      readTimeoutMs: 400,
    });
  }

  keeper(
    context: ContextName,
    { history, ...pace }: Partial<SnapshotPace> & Pick<KeeperParts<Ledger, Own, Own>, 'history'> = {},
    stores: readonly SnapshotStore[] = [this.disk],
    nowMs: () => number = Date.now,
  ): SnapshotKeeper<Ledger, Own, Own> {
    const keeper = new SnapshotKeeper<Ledger, Own, Own>({
      context: ledgerContext(context),
      shape,
      topicPrefix: this.prefix,
      log: this.connect(),
      stores,
      pace: { ...defaultSnapshotPace, pollMs: 5, everyRecords: 1, restFactor: 0, ...pace },
      ...(history && { history }),
      nowMs,
      tell: (news) => void this.news.push(news),
    });
    keeper.lead([partition]);
    return keeper;
  }

  /** What answers about the past, as an owner's process has it. */
  past(context: ContextName, bounds: PastBounds, stores: readonly SnapshotStore[] = [this.disk]) {
    const { events } = this.topics;
    const other = context === 'tasks' ? 'states' : 'tasks';
    const loader = this.loader(context, stores);
    return new PastStates<Ledger, Own, Own>({
      log: this.log,
      topics: () => ({
        own: { topic: events[context], partition },
        foreign: { topic: events[other], partition },
      }),
      context: () => ledgerContext(context),
      snapshot: async (of, within) => (await loader.load(of, within))?.snapshot ?? null,
      nowMs: Date.now,
      bounds,
    });
  }

  /** A process that owns the partition of this context, once nobody else does. */
  async own(context: ContextName, loader: SnapshotLoader | null = null): Promise<Owner> {
    const stopped: string[] = [];
    const begunAt: (number | null)[] = [];
    const load = async (): Promise<Snapshot | null> => {
      const snapshot = (await loader?.load(partition))?.snapshot ?? null;
      begunAt.push(snapshot?.position.next ?? null);
      return snapshot;
    };
    const nothing = (): void => undefined;
    const client = this.connect();
    const group = new HostGroup<Ledger, never, never, Own, Own>(
      client,
      {
        context,
        topicPrefix: this.prefix,
        partitions: 1,
        epoch: 1,
        address: '',
        sessionTimeoutMs: 2_000,
        heartbeatIntervalMs: 20,
        rebalanceTimeoutMs: 2_000,
        tickMs: 5,
        nowMs: Date.now,
        loadSnapshot: load,
        events: {
          onEffects: nothing,
          onSettled: nothing,
          onLeading: nothing,
          onDeciding: nothing,
          onFallen: nothing,
          onStopped: (_p, reason) => void stopped.push(reason),
          onCommit: nothing,
          onDeadLetter: nothing,
          onPlaced: nothing,
        },
      },
      () => ledgerContext(context),
    );
    await group.start();
    const owner: Owner = {
      group,
      stopped,
      begunAt,
      close: async () => {
        if (!this.owners.delete(owner)) return;
        await group.close();
      },
    };
    this.owners.add(owner);
    return owner;
  }

  /** Sends commands; what their ids are is answered. */
  async send(context: ContextName, count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => `${context}-${(this.sent += 1)}`);
    const records = ids.map((id) => {
      const cause = { actor: 'a', reason: null, causationId: id, correlationId: id, traceparent: null };
      const command = { type: 'task.cancel', id, tenantId: 't', provenance: cause, data: { task_id: 'x' } };
      return encodeCommand(command as Command, Date.now());
    });
    const tp = { topic: this.topics.commands[context], partition };
    await this.log.append(tp, records, { timeoutMs: 5_000, concurrent: true });
    return ids;
  }

  /** Waits until the owner has seen all of it, and what came of it is in the log. */
  async untilSeen(owner: Owner, own: readonly string[], foreign: readonly string[]): Promise<void> {
    await eventually('the owner has seen it all', () => {
      const host = owner.group.runner(partition)?.host;
      const seen = host?.view;
      const isWhole =
        own.every((id) => seen?.own.includes(id)) && foreign.every((id) => seen?.foreign.includes(id));
      return isWhole && host?.ownerState === 'leading' && host.queued.commands === 0;
    });
  }

  outcomes(): string[] {
    return this.news.flatMap((news) => (news.kind === 'outcome' ? [news.outcome] : []));
  }

  async close(): Promise<void> {
    for (const owner of [...this.owners]) await owner.close();
    await Promise.all(this.clients.map((client) => client.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
