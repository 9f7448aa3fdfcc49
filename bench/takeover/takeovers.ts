import { defaultTasksPolicy, makeTasksContext, tasksSnapshotShape } from '@fluxforge/domain/tasks-context';
import { type LogPort } from '@fluxforge/events/log';
import { HostGroup, steadyClock, type Snapshot } from '@fluxforge/events/partition-host';
import {
  defaultSnapshotPace,
  SnapshotKeeper,
  SnapshotLoader,
  type SnapshotStore,
} from '@fluxforge/events/snapshots';
import { topicsOf } from '@fluxforge/events/topics';
import { until } from '../support/poll.js';

export const topicPrefix = 'takeover';
export const shape = `tasks-${tasksSnapshotShape}`;
const deadlineMs = 600_000;

/**
 * How long a takeover of each partition lasts, from its beginning until the new owner decides. The store that is
 * `away` must fail, the others must not.
 */
export async function takeOver(
  log: LogPort,
  partitions: number,
  stores: readonly SnapshotStore[],
  away: SnapshotStore['name'] | null = null,
): Promise<number[]> {
  const nothing = (): void => undefined;
  const startedMs: number[] = [];
  const tookMs: number[] = [];
  let failed = 0;
  const loader = new SnapshotLoader(log, stores, {
    context: 'tasks',
    shape,
    eventsTopic: topicsOf(topicPrefix).events.tasks,
    onIgnored: (_of, ignored) => {
      throw new Error(`a snapshot was ignored: ${JSON.stringify(ignored)}`);
    },
    onStoreFailed: (_of, store, error) => {
      if (store !== away) throw error;
      failed += 1;
    },
  });
  // One partition after the other: side by side they would share this thread.
  let turn: Promise<unknown> = Promise.resolve();
  const done: (() => void)[] = [];
  const group = new HostGroup(
    log,
    {
      context: 'tasks',
      topicPrefix,
      partitions,
      epoch: 1,
      address: '',
      sessionTimeoutMs: 60_000,
      heartbeatIntervalMs: 1_000,
      rebalanceTimeoutMs: 10_000,
      tickMs: 20,
      nowMs: steadyClock(),
      loadSnapshot: (partition): Promise<Snapshot | null> => {
        const mine = turn.then(async () => {
          startedMs[partition] = performance.now();
          return (await loader.load(partition))?.snapshot ?? null;
        });
        const over = new Promise<void>((resolve) => (done[partition] = resolve));
        turn = mine.then(() => over);
        return mine;
      },
      events: {
        onEffects: nothing,
        onSettled: nothing,
        onLeading: nothing,
        onFallen: nothing,
        onCommit: nothing,
        onDeadLetter: nothing,
        onPlaced: nothing,
        onStopped: (partition, reason) => {
          throw new Error(`partition ${partition} stopped: ${reason}`);
        },
        onDeciding: (partition) => {
          tookMs[partition] ??= performance.now() - (startedMs[partition] ?? Number.NaN);
          done[partition]?.();
        },
      },
    },
    () => makeTasksContext(defaultTasksPolicy),
  );
  await group.start();
  const all = () => (tookMs.filter((ms) => ms >= 0).length === partitions ? true : null);
  await until('every partition is taken over', all, deadlineMs);
  await group.close();
  if (away !== null && failed !== partitions) throw new Error(`${away} was not away`);
  return tookMs;
}

export interface Made {
  readonly tookMs: number;
  readonly bytes: readonly number[];
}

/** Has a snapshot of each partition made, as the keeper's thread does. */
export async function makeSnapshots(log: LogPort, partitions: number, store: SnapshotStore): Promise<Made> {
  const startMs = performance.now();
  const bytes: number[] = [];
  let nowMs = Date.now();
  const keeper = new SnapshotKeeper({
    context: makeTasksContext(defaultTasksPolicy),
    shape,
    topicPrefix,
    log,
    stores: [store],
    // Due only once all is read, and the clock is moved on.
    pace: { ...defaultSnapshotPace, everyRecords: Number.POSITIVE_INFINITY, restFactor: 0 },
    nowMs: () => nowMs,
    tell: (news) => {
      if (news.kind === 'said' && news.level === 'warn') throw new Error(JSON.stringify(news));
      if (news.kind === 'said') bytes[Number(news.detail['partition'])] = Number(news.detail['bytes']);
    },
  });
  keeper.lead(Array.from({ length: partitions }, (_, partition) => partition));
  while (await keeper.turn());
  nowMs += defaultSnapshotPace.everyMs;
  await keeper.turn();
  await keeper.stop();
  if (bytes.filter((size) => size > 0).length !== partitions) throw new Error('a snapshot is missing');
  return { tookMs: performance.now() - startMs, bytes };
}
