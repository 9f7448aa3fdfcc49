import { type MessagePort } from 'node:worker_threads';
import { type EventBody } from '@fluxforge/events/catalogue';
import { SnapshotKeeper, type KeeperParts } from './keeper.js';
import { type KeeperNews, type KeeperOrder } from './news.js';
import { stepBack } from './step-back.js';

/** Runs a keeper in a worker thread, under the orders that come through its port, until it is told to stop. */
export function runKeeperThread<State, Own extends EventBody, Foreign extends EventBody>(
  port: MessagePort,
  parts: Omit<KeeperParts<State, Own, Foreign>, 'tell'>,
): void {
  stepBack();
  const tell = (news: KeeperNews): void => port.postMessage(news);
  const keeper = new SnapshotKeeper<State, Own, Foreign>({ ...parts, tell });
  keeper.start();
  port.on('message', (order: KeeperOrder) => {
    if (order.kind === 'lead') return keeper.lead(order.partitions);
    void stop(port, keeper, parts);
  });
}

async function stop(
  port: MessagePort,
  keeper: { stop(): Promise<void> },
  parts: Pick<KeeperParts<never, never, never>, 'log' | 'stores'>,
): Promise<void> {
  await keeper.stop();
  await Promise.all([parts.log.close(), ...parts.stores.map((store) => store.close())]);
  // Nothing is left that keeps the thread alive.
  port.close();
}
