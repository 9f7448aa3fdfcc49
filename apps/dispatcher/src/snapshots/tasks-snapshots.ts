import { type DispatcherConfig } from '@fluxforge/config';
import { tasksSnapshotShape } from '@fluxforge/domain/tasks-context';
import { type LogPort } from '@fluxforge/events/log';
import {
  loaderTelemetry,
  SnapshotLoader,
  WorkerSnapshots,
  type Snapshots,
} from '@fluxforge/events/snapshots';
import { topicsOf } from '@fluxforge/events/topics';
import { snapshotStores } from '@fluxforge/read-models/snapshots';
import { type Logger, type Metrics } from '@fluxforge/telemetry';

export const tasksShape = `tasks-${tasksSnapshotShape}`;

/** Snapshots of the tasks partitions: loaded here, made by a thread whose compiled entry file is `entry`. */
export function openTasksSnapshots(
  config: DispatcherConfig,
  entry: URL,
  tools: { readonly log: LogPort; readonly logger: Logger; readonly metrics: Metrics },
): Snapshots {
  const { log, logger, metrics } = tools;
  const stores = snapshotStores(config);
  const loader = new SnapshotLoader(log, stores, {
    context: 'tasks',
    shape: tasksShape,
    eventsTopic: topicsOf(config.kafka.topicPrefix).events.tasks,
    ...loaderTelemetry('tasks', tools),
  });
  const closeStores = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
  };
  return new WorkerSnapshots({ context: 'tasks', entry, loader, closeStores, logger, metrics });
}
