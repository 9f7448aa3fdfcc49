// The one Kafka request that the launcher needs, written by hand so that it runs before anything is
// installed: Metadata v1 without topics. A broker that names itself and a controller takes work.
import net from 'node:net';

const METADATA = 3;
const VERSION = 1;
const CLIENT_ID = Buffer.from('fluxforge-launcher');

export function metadataRequest(correlationId) {
  const body = Buffer.alloc(2 + 2 + 4 + 2 + CLIENT_ID.length + 4);
  let at = body.writeInt16BE(METADATA, 0);
  at = body.writeInt16BE(VERSION, at);
  at = body.writeInt32BE(correlationId, at);
  at = body.writeInt16BE(CLIENT_ID.length, at);
  at += CLIENT_ID.copy(body, at);
  body.writeInt32BE(0, at); // an empty list of topics: none (v1 and later)
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
  return { brokers, controllerId: buffer.readInt32BE(at) };
}

/** Cluster metadata, or `undefined` when the broker does not answer within the deadline. */
export function askMetadata(host, port, deadlineMs = 1000) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    let received = Buffer.alloc(0);
    const end = (answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, deadlineMs, undefined);
    socket.on('connect', () => socket.write(metadataRequest(1)));
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
