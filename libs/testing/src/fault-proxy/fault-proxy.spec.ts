import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { FaultProxy } from './index.js';

let server: Server;
let proxy: FaultProxy;
let served: string[];

/** A server that answers each chunk with `re:` and the chunk. */
beforeEach(async () => {
  served = [];
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      served.push(String(chunk));
      socket.write(`re:${String(chunk)}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await FaultProxy.start({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

async function client() {
  const got: string[] = [];
  const socket: Socket = connect(proxy.address);
  const state = { got, socket, ended: '' };
  socket.on('data', (chunk) => got.push(String(chunk)));
  socket.on('error', (error: NodeJS.ErrnoException) => (state.ended = error.code ?? 'error'));
  socket.on('close', () => (state.ended ||= 'closed'));
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', resolve));
  return state;
}

async function eventually(check: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('fault proxy', () => {
  it('passes bytes both ways and counts them', async () => {
    const { socket, got } = await client();
    socket.write('hi');
    await eventually(() => got.length === 1);
    expect(got).toEqual(['re:hi']);
    expect([proxy.bytesUp, proxy.bytesDown]).toEqual([2, 5]);
  });

  it('eats replies although the requests are served', async () => {
    const { socket, got } = await client();
    proxy.eatReplies();
    socket.write('a');
    await eventually(() => served.length === 1);
    await proxy.heal();
    socket.write('b');
    await eventually(() => got.length === 1);
    expect(got).toEqual(['re:b']);
  });

  it('lets held requests go on after their client has given up', async () => {
    const { socket } = await client();
    proxy.holdRequests();
    socket.write('late');
    await eventually(() => proxy.bytesUp === 4);
    socket.destroy();
    await eventually(() => socket.closed);
    expect(served).toEqual([]);
    proxy.letGo();
    await eventually(() => served.length === 1);
  });

  it('swallows everything as a blackhole, and keeps the connection', async () => {
    const { socket, got } = await client();
    proxy.blackhole();
    socket.write('lost');
    await eventually(() => proxy.bytesUp === 4);
    await proxy.heal();
    socket.write('found');
    await eventually(() => got.length === 1);
    expect(served).toEqual(['found']);
  });

  it('cuts, resets and refuses', async () => {
    const first = await client();
    proxy.cut();
    await eventually(() => first.ended === 'closed');
    const second = await client();
    second.socket.write('x');
    await eventually(() => second.got.length === 1);
    proxy.reset();
    await eventually(() => second.ended === 'ECONNRESET');
    proxy.refuse();
    const third = await client();
    expect(third.ended).toBe('ECONNREFUSED');
    expect(proxy.openConnections).toBe(0);
    await proxy.heal();
    const fourth = await client();
    fourth.socket.write('y');
    await eventually(() => fourth.got.length === 1);
  });

  it('delays, and changes requests and replies', async () => {
    const { socket, got } = await client();
    proxy.delay(30);
    const started = Date.now();
    socket.write('slow');
    await eventually(() => got.length === 1);
    expect(Date.now() - started).toBeGreaterThanOrEqual(50);
    await proxy.heal();
    proxy.changeRequests((chunk) => Buffer.concat([chunk, chunk]));
    proxy.changeReplies((chunk) => Buffer.from(String(chunk).toUpperCase()));
    socket.write('ab');
    await eventually(() => got.length === 2);
    expect(got[1]).toBe('RE:ABAB');
  });
});
