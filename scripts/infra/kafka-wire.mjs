// The one Kafka request that the launcher needs, written by hand so that it runs before anything is
// installed: Metadata v1. A broker that names itself and a controller takes work.
import net from 'node:net';

const METADATA = 3;
const VERSION = 1;
const CLIENT_ID = Buffer.from('fluxforge-launcher');

/** `topics`: all of them, or (as a rule) none. */
export function metadataRequest(correlationId, { allTopics = false } = {}) {
  const body = Buffer.alloc(2 + 2 + 4 + 2 + CLIENT_ID.length + 4);
  let at = body.writeInt16BE(METADATA, 0);
  at = body.writeInt16BE(VERSION, at);
  at = body.writeInt32BE(correlationId, at);
  at = body.writeInt16BE(CLIENT_ID.length, at);
  at += CLIENT_ID.copy(body, at);
  body.writeInt32BE(allTopics ? -1 : 0, at); // since v1 null means all topics, and an empty list none
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length, 0);
  return Buffer.concat([size, body]);
}

/** `undefined` while the answer is incomplete. */
export function parseMetadata(buffer) {
  if (buffer.length < 4 || buffer.length < 4 + buffer.readInt32BE(0)) return undefined;
  let at = 8; // size and correlation id
  const brokers = [];
  const count = buffer.readInt32BE(at);
  at += 4;
  for (let i = 0; i < count; i++) {
    const nodeId = buffer.readInt32BE(at);
    const hostLength = buffer.readInt16BE(at + 4);
    const host = buffer.toString('utf8', at + 6, at + 6 + hostLength);
    at += 6 + hostLength;
    const port = buffer.readInt32BE(at);
    const rackLength = buffer.readInt16BE(at + 4);
    at += 6 + Math.max(rackLength, 0);
    brokers.push({ nodeId, host, port });
  }
  const controllerId = buffer.readInt32BE(at);
  return { brokers, controllerId, topics: parseTopics(buffer, at + 4) };
}

function parseTopics(buffer, start) {
  let at = start;
  const int16 = () => buffer.readInt16BE((at += 2) - 2);
  const int32 = () => buffer.readInt32BE((at += 4) - 4);
  const skipInt32s = () => {
    const length = int32();
    at += 4 * length;
  };
  return Array.from({ length: int32() }, () => {
    int16(); // error
    const length = int16();
    const name = buffer.toString('utf8', at, (at += length));
    at += 1; // is internal
    const partitions = Array.from({ length: int32() }, () => {
      int16();
      const id = int32();
      const leader = int32();
      skipInt32s(); // replicas
      skipInt32s(); // in-sync ones
      return { id, leader };
    });
    return { name, partitions };
  });
}

/** Cluster metadata, or `undefined` when the broker does not answer within the deadline. */
export function askMetadata(host, port, deadlineMs = 1000, options = {}) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    let received = Buffer.alloc(0);
    const end = (answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, deadlineMs, undefined);
    socket.on('connect', () => socket.write(metadataRequest(1, options)));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      try {
        const answer = parseMetadata(received);
        if (answer) end(answer);
      } catch {
        end(undefined);
      }
    });
  });
}

export async function brokerIsReady(host, port, deadlineMs) {
  const answer = await askMetadata(host, port, deadlineMs);
  return answer !== undefined && answer.controllerId >= 0 && answer.brokers.some((b) => b.port === port);
}

/** True when each topic is there and each of its partitions has a leader. */
export async function topicsAreLed(brokers, names, deadlineMs) {
  const [host, port] = brokers.split(',')[0].split(/:(?=\d+$)/);
  const answer = await askMetadata(host, Number(port), deadlineMs, { allTopics: true });
  const topics = new Map(answer?.topics.map((topic) => [topic.name, topic.partitions]));
  const led = (partitions) => partitions.length > 0 && partitions.every((p) => p.leader >= 0);
  return names.every((name) => topics.has(name) && led(topics.get(name)));
}
