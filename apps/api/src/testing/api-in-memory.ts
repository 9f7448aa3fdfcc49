import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type INestApplication } from '@nestjs/common';
import {
  directoryKey,
  type Command,
  type CommandBody,
  type DirectoryEntry,
  type Role,
} from '@fluxforge/events/catalogue';
import { decodeCommand } from '@fluxforge/events/envelope';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { partitionOf } from '@fluxforge/events/partitioner';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { ReadModelsUnavailable, type ReadModels } from '@fluxforge/read-models';
import { createLogger, Metrics } from '@fluxforge/telemetry';
import { createApi } from '../create-api.js';
import { sha256Hex } from '../identifiers/index.js';
import { assemble, type ApiParts, type PartsOptions } from '../parts.js';

export const partitions = 4;
export const topics = topicsOf('spec');

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text and bytes as they are. */
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; empty when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** The API on a log in memory with its read models away: what must work then, and all that is decided before. */
export interface InMemoryApi {
  readonly app: INestApplication;
  readonly parts: ApiParts;
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  readonly cluster: InMemoryCluster;
  /** Another process's view of the log, for who plays the dispatcher. */
  readonly log: InMemoryLog;
  close(): Promise<void>;
}

export async function startInMemory(
  entries: readonly DirectoryEntry[] = [],
  over: Partial<PartsOptions> = {},
): Promise<InMemoryApi> {
  const cluster = new InMemoryCluster();
  const log = new InMemoryLog(cluster);
  await log.ensureTopics(topicSpecs('spec', { partitions, replication: 1, minInsyncReplicas: 1 }));
  for (const entry of entries) await writeEntry(log, entry);
  const own = new InMemoryLog(cluster);
  const parts = assemble({
    log: own,
    models: readModelsAway(),
    topicPrefix: 'spec',
    partitions,
    logger: createLogger({ process: 'api', level: 'silent' }),
    metrics: new Metrics('api'),
    nowMs: Date.now,
    signingKey: 'k'.repeat(32),
    operatorTenant: 'ten_operator',
    writeTimeoutMs: 1000,
    answerDeadlineMs: 500,
    apiServers: 1,
    maxLagRecords: 20_000,
    writesAtOnce: 64,
    ...over,
  });
  await parts.follower.start(partitions);
  await parts.follower.loaded;
  parts.readiness.set('directory', 'ok');
  const app = await createApi(parts);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    app,
    parts,
    request: (method, path, options) => request(port, method, path, options),
    cluster,
    log,
    close: async () => {
      await app.close();
      await parts.answers.close();
      await parts.follower.close();
      await own.close();
      await log.close();
    },
  };
}

export async function writeEntry(log: InMemoryLog, entry: DirectoryEntry): Promise<void> {
  const record = { key: directoryKey(entry), value: Buffer.from(JSON.stringify(entry)), headers: {} };
  const tp = { topic: topics.directory, partition: entry.partition };
  await log.append(tp, [record], { concurrent: true });
}

export function tenantEntry(tenantId: string, offset = 1): DirectoryEntry {
  const limits = { max_queued_tasks: 10, max_agents: 10, max_states: 10 };
  const partition = partitionOf(tenantId, partitions);
  return { kind: 'tenant', tenant_id: tenantId, name: tenantId, limits, partition, offset };
}

export function keyEntry(
  tenantId: string,
  key: string,
  role: Role = 'admin',
  rest: { revoked?: boolean; offset?: number } = {},
): DirectoryEntry {
  return {
    kind: 'key',
    tenant_id: tenantId,
    key_id: `key_${sha256Hex(key).slice(0, 8)}`,
    key_hash: sha256Hex(key),
    role,
    revoked: rest.revoked ?? false,
    partition: partitionOf(tenantId, partitions),
    offset: rest.offset ?? 2,
  };
}

/** The commands of a tenant's partition, as its owner would read them. */
export async function commandsOf(
  log: InMemoryLog,
  tenantId: string,
  context: 'tasks' | 'states',
): Promise<Command<CommandBody>[]> {
  const tp = { topic: topics.commands[context], partition: partitionOf(tenantId, partitions) };
  const { records } = await log.read(tp, 0, { maxBytes: 1 << 24 });
  return records.map(decodeCommand).filter((command) => command.tenantId === tenantId);
}

function readModelsAway(): ReadModels {
  const away = () => Promise.reject(new ReadModelsUnavailable('there is no Postgres here'));
  return {
    states: { get: away, list: away, targets: away },
    tasks: { get: away, list: away, attempts: away },
    agents: { get: away, list: away },
    schedules: { get: away, list: away },
    fanouts: { get: away, list: away, members: away },
    commands: { get: away },
    events: { ofEntity: away, list: away },
    output: { read: away },
    tenants: { get: away },
    covered: away,
    waitCovered: away,
    available: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
}

/** Plain HTTP, so that what no well-behaved client would send can be sent. */
function request(port: number, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { body } = options;
  const payload =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const headers: Record<string, string | number> = { ...options.headers };
  if (payload !== undefined) {
    headers['content-type'] ??= 'application/json';
    headers['content-length'] = Buffer.byteLength(payload);
  }
  return new Promise((resolve, reject) => {
    const call = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: asJson(text) });
      });
    });
    call.setTimeout(10_000, () => call.destroy(new Error(`${method} ${path} was not answered`)));
    call.on('error', reject);
    call.end(payload);
  });
}

function asJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
