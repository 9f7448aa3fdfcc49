import { InProcessCache } from '@fluxforge/cache';
import { reconcilerConfig } from '@fluxforge/config';
import { type CommandBody, type DirectoryEntry } from '@fluxforge/events/catalogue';
import { encodeCommand } from '@fluxforge/events/envelope';
import { parsePulse, partitionName } from '@fluxforge/events/hot-queue';
import { InMemoryCluster, InMemoryLog } from '@fluxforge/events/in-memory';
import { askOwner } from '@fluxforge/events/owner-questions';
import { topicsOf, topicSpecs } from '@fluxforge/events/topics';
import { createLogger, Metrics, Readiness } from '@fluxforge/telemetry';
import { Reconciler } from './reconciler.js';

const deadlineMs = 20_000;
const signingKey = 'k'.repeat(32);
const tenantId = 'ten_acme';
const topics = topicsOf('spec');
const tp = { topic: topics.commands.states, partition: 0 };

async function until<T>(what: string, find: () => Promise<T | null>): Promise<T> {
  const endMs = Date.now() + deadlineMs;
  for (let found = await find(); ; found = await find()) {
    if (found !== null) return found;
    if (Date.now() > endMs) throw new Error(`${what} did not come to be`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a reconciler on a log in memory', () => {
  const cluster = new InMemoryCluster();
  const log = new InMemoryLog(cluster);
  const cache = new InProcessCache({ nowMs: Date.now });
  let reconciler: Reconciler;

  beforeAll(async () => {
    await log.ensureTopics(topicSpecs('spec', { partitions: 1, replication: 1, minInsyncReplicas: 1 }));
    const config = reconcilerConfig({
      FLUXFORGE_KAFKA_BROKERS: '127.0.0.1:1',
      FLUXFORGE_TOPIC_PREFIX: 'spec',
      FLUXFORGE_PARTITIONS: '1',
      FLUXFORGE_DEV_MODE: 'true',
      FLUXFORGE_SIGNING_KEY: signingKey,
    });
    reconciler = new Reconciler(config, {
      log: new InMemoryLog(cluster),
      logger: createLogger({ process: 'reconciler', level: 'silent' }),
      metrics: new Metrics('reconciler'),
      readiness: new Readiness(['log']),
      cache,
    });
    await reconciler.start();
  });
  afterAll(async () => {
    await reconciler.stop();
    await log.close();
  });

  async function write(n: number): Promise<void> {
    const body: CommandBody = { type: 'state.resume', data: { state_id: `s${n}` } };
    const provenance = {
      actor: 'key:k',
      reason: null,
      causationId: `c${n}`,
      correlationId: `c${n}`,
      traceparent: null,
    };
    await log.append(tp, [encodeCommand({ ...body, id: `c${n}`, tenantId, provenance }, Date.now())], {
      concurrent: true,
    });
  }

  const questions = () =>
    until('the owner tells where it is asked', async () => {
      const { records } = await log.read({ topic: topics.directory, partition: 0 }, 0, { maxBytes: 1 << 20 });
      const entries = records.map(({ value }) => JSON.parse(String(value)) as DirectoryEntry);
      const owner = entries.find((entry) => entry.kind === 'owner' && entry.context === 'states');
      return owner?.kind === 'owner' ? (owner.questions ?? null) : null;
    });

  it('tells how far it has come with its commands, in the cache and when it is asked', async () => {
    for (let n = 0; n < 5; n++) await write(n);
    const mirrored = await until('the pulse', async () => {
      const [kept] = await cache.get([partitionName(0, 'states')]);
      const pulse = kept ? parsePulse(kept.text) : null;
      return pulse?.covered === 5 ? pulse : null;
    });
    expect(mirrored).toEqual({ covered: 5, lag: 0 });
    // What is covered is answered in the log: nothing is told that is not committed.
    const { records } = await log.read({ topic: topics.events.states, partition: 0 }, 0, {
      maxBytes: 1 << 20,
    });
    expect(JSON.stringify(records.map(({ headers }) => headers))).toContain('command.rejected');
    const asking = { address: await questions(), signingKey, timeoutMs: 5_000 };
    expect(await askOwner(asking, { kind: 'pulse', tenant_id: tenantId })).toEqual({ covered: 5, lag: 0 });
    await expect(askOwner(asking, { kind: 'queue', tenant_id: tenantId })).rejects.toThrow();
  });
});
