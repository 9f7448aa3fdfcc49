// Free TCP ports on 127.0.0.1, outside the range that the kernel gives to outgoing connections.
// Inside that range a client that keeps dialling a stopped server can be given the server's own port,
// connect to itself, and keep the server from coming back.
import net from 'node:net';
import { readFileSync } from 'node:fs';

const LOWEST_PORT = 10_240;
const ATTEMPTS = 200;

export function ephemeralLow(text) {
  const low = Number.parseInt(String(text).trim().split(/\s+/)[0] ?? '', 10);
  return Number.isInteger(low) && low > LOWEST_PORT + 1000 ? low : undefined;
}

function highestPort() {
  try {
    return (ephemeralLow(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')) ?? 32_768) - 1;
  } catch {
    return 32_767;
  }
}

export function portIsFree(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export async function freePort(random = Math.random) {
  const high = highestPort();
  for (let i = 0; i < ATTEMPTS; i++) {
    const port = LOWEST_PORT + Math.floor(random() * (high - LOWEST_PORT));
    if (await portIsFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST_PORT} and ${high} after ${ATTEMPTS} tries`);
}

/** The wanted port when it is free, else another one. */
export async function portOr(wanted) {
  return wanted !== undefined && (await portIsFree(wanted)) ? wanted : freePort();
}
