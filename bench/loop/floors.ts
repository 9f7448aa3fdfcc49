import {
  type ServerDuplexStream,
  Server,
  ServerCredentials,
  credentials,
  makeGenericClientConstructor,
} from '@grpc/grpc-js';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { nowUs, type Quantiles, quantiles } from '../support/clock.js';

const rounds = 1000;
const payload = Buffer.alloc(300, 'x');

/** One record at a time, all replicas acknowledging: until acknowledged, and until another connection has it. */
export async function kafkaFloor(brokers: string): Promise<{ append: Quantiles; delivered: Quantiles }> {
  const log = createKafkaLog({ brokers: [brokers], clientId: 'bench-floor' });
  const topic = `bench-floor-${process.pid}`;
  await log.ensureTopics([{ topic, partitions: 1, replication: 1, config: {} }]);
  const tp = { topic, partition: 0 };
  let seen: () => void = () => undefined;
  const tail = log.tail({ onBatch: () => seen(), onError: () => undefined });
  tail.follow(tp, 0);
  const appends: number[] = [];
  const deliveries: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const arrived = new Promise<number>((resolve) => (seen = () => resolve(nowUs())));
    const start = nowUs();
    await log.append(tp, [{ key: null, value: payload, headers: {} }], { timeoutMs: 5000 });
    appends.push((nowUs() - start) / 1000);
    deliveries.push(((await arrived) - start) / 1000);
  }
  await tail.close();
  await log.close();
  return {
    append: quantiles(appends.slice(rounds / 10)),
    delivered: quantiles(deliveries.slice(rounds / 10)),
  };
}

const bytes = (value: Buffer): Buffer => value;
const service = {
  echo: {
    path: '/bench.Floor/Echo',
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} as const;

/** Ping-pong of 300 bytes on one bidirectional stream. Client and server share this process's thread. */
export async function grpcFloor(): Promise<Quantiles> {
  const server = new Server();
  server.addService(service, {
    echo: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const Client = makeGenericClientConstructor(service, 'Floor');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest('/bench.Floor/Echo', bytes, bytes);
  let answered: () => void = () => undefined;
  call.on('data', () => answered());
  // The stream is cut off at the end, which it reports as an error.
  call.on('error', () => undefined);
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const answer = new Promise<void>((resolve) => (answered = resolve));
    const start = nowUs();
    call.write(payload);
    await answer;
    times.push((nowUs() - start) / 1000);
  }
  call.end();
  client.close();
  server.forceShutdown();
  return quantiles(times.slice(rounds / 10));
}
