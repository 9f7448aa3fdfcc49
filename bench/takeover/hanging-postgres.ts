import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PostgresSnapshots } from '@fluxforge/read-models/snapshots';

/** A snapshot store whose Postgres takes connections and never answers, as one that hangs does. */
export async function withHangingPostgres<T>(work: (store: PostgresSnapshots) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const store = new PostgresSnapshots({ url: `postgres://nobody@127.0.0.1:${port}/none` });
  try {
    return await work(store);
  } finally {
    await store.close();
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
}
