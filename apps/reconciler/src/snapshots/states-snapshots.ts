import { type ReconcilerConfig } from '@fluxforge/config';
import { snapshotShape } from '@fluxforge/domain/desired-state';
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

export const statesShape = `states-${snapshotShape}`;

/** Snapshots of the states partitions: loaded here, made by a thread whose compiled entry file is `entry`. */
export function openStatesSnapshots(
  config: ReconcilerConfig,
  entry: URL,
  tools: { readonly log: LogPort; readonly logger: Logger; readonly metrics: Metrics },
): Snapshots {
  const { log, logger, metrics } = tools;
  const stores = snapshotStores(config);
  const loader = new SnapshotLoader(log, stores, {
    context: 'states',
    shape: statesShape,
    eventsTopic: topicsOf(config.kafka.topicPrefix).events.states,
    ...loaderTelemetry('states', tools),
  });
  const closeStores = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
  };
  return new WorkerSnapshots({ context: 'states', entry, loader, closeStores, logger, metrics });
}
