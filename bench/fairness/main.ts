import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { topicsOf } from '@fluxforge/events/topics';
import { Client } from '../support/client.js';
import { quantiles, type Quantiles } from '../support/clock.js';
import { openLoop } from '../support/load.js';
import { option } from '../support/options.js';
import { until } from '../support/poll.js';
import { Report } from '../support/report.js';
import { type Part, System } from '../support/system.js';
import { Flood, type Tally } from './flood.js';
import { LogTimes } from '../support/log-times.js';

/**
 * What a tenant inside its quota feels of all others flooding: from submit to lease (the log's time of `task.leased`),
 * alone, and while the others ask for at least 80 percent of what the API was found to take: tasks, and among them
 * cancels, writes of states, fan-outs and schedules. All tenants share one partition, so one scheduler, and every
 * process shares this machine. Each tenant has an agent of its own. The cache is a Redis.
 *   npm run bench -- fairness [--seconds N] [--flood SHARE] [--json FILE]
 * `--seconds`: of each part; `--flood`: of what the API takes. First all of the flood is let in, so that queues grow;
 * then most of its submissions are shed by their quota; then the Redis is killed, and the flood goes on.
 */
const quiet = { perSecond: 20, limits: { submissions_per_s: 40, submission_burst: 200 }, slots: 16 };
const flooders = { names: ['flood-1', 'flood-2', 'flood-3'], slots: 16, maxInFlight: 400 };
const maxQueued = 10_000;
const capacity = { inFlight: 32, warmSeconds: 3, seconds: 5 };
const leadInSeconds = 2;
const floor = { ofCapacity: 0.8, ms: 250, timesSolo: 3 };
const drainDeadlineMs = 300_000;
const seconds = option('--seconds', 12);
const share = option('--flood', 0.85);
const report = new Report('fairness');
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const wait = (s: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, s * 1000));

interface Felt {
  readonly acked: Quantiles;
  readonly lease: Quantiles;
  readonly queued: Quantiles;
  readonly generatorLateMs: number;
}

class Fairness {
  private readonly clients: Client[] = [];
  private readonly keys: string[] = [];
  private readonly log;
  private readonly times: LogTimes;

  constructor(private readonly system: System) {
    this.log = createKafkaLog({ brokers: [system.brokers], clientId: 'bench' });
    this.times = new LogTimes(this.log, topicsOf('fluxforge').events.tasks);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.log.close();
  }

  async tenants(): Promise<void> {
    for (const name of flooders.names) {
      const key = await this.system.addTenant(name);
      const client = new Client(this.system.apiUrl, key);
      this.keys.push(key);
      this.clients.push(client);
      await known(client);
      await limit(client, { max_queued_tasks: maxQueued });
      await this.system.addAgent(client, `agent-${name}`, flooders.slots);
    }
    await limit(this.system.client, quiet.limits);
  }

  /** Requests a second that are taken while nothing is refused. */
  async capacity(): Promise<number> {
    const flood = this.flood(0, capacity.inFlight);
    await wait(capacity.warmSeconds);
    await flood.tally();
    await wait(capacity.seconds);
    const tally = await flood.stop();
    const perSecond = tally.accepted / tally.seconds;
    report.put('capacity', { perSecond, ...tally });
    report.line(`the API takes ${perSecond.toFixed(0)} requests/s: ${told(tally)}`);
    return perSecond;
  }

  /** Nothing waits and nothing runs any more. */
  async drained(): Promise<void> {
    for (const client of this.clients) {
      const isEmpty = async (): Promise<true | null> => {
        const { status, body } = await client.get('/v1/queue');
        const { queued, running } = body as { queued: number; running: number };
        return status === 200 && queued === 0 && running === 0 ? true : null;
      };
      await until('what the flood left is done', isEmpty, drainDeadlineMs);
    }
  }

  /** What the quiet tenant feels. @throws when it is refused anything */
  async felt(): Promise<Felt> {
    const { submitted, lateMs } = await openLoop(this.system.client, quiet.perSecond, seconds);
    await until('every task of the quiet tenant is leased', async () => {
      await this.times.advance();
      return submitted.every(({ id }) => this.times.leasedMs.has(id)) ? true : null;
    });
    const since = (times: ReadonlyMap<string, number>): Quantiles =>
      quantiles(submitted.map(({ id, sentUs }) => (times.get(id) ?? Number.NaN) - sentUs / 1000));
    const acked = quantiles(submitted.map(({ sentUs, ackedUs }) => (ackedUs - sentUs) / 1000));
    const [lease, queued] = [since(this.times.leasedMs), since(this.times.queuedMs)];
    return { lease, queued, acked, generatorLateMs: lateMs };
  }

  /** It is in full course when this returns. */
  async startFlood(perSecond: number): Promise<Flood> {
    const flood = this.flood(perSecond, flooders.maxInFlight);
    await wait(leadInSeconds);
    return flood;
  }

  private flood(perSecond: number, maxInFlight: number): Flood {
    return new Flood({ url: this.system.apiUrl, keys: this.keys, perSecond, maxInFlight });
  }

  /** Where the API has the queues of those that flood from: the cache's mirror, or the owner. */
  async shownBy(source: 'mirror' | 'owner'): Promise<void> {
    await until(`the queue is shown by the ${source}`, async () => {
      const answer = await this.clients[0]?.get('/v1/queue');
      return answer?.status === 200 && (answer.body as { source: string }).source === source ? true : null;
    });
  }

  async shed(perSecond: number): Promise<void> {
    for (const client of this.clients) await limit(client, { submissions_per_s: perSecond });
  }
}

/** The API may hear of a new key a little after it was made. */
async function known(client: Client): Promise<void> {
  const answers = async (): Promise<true | null> =>
    (await client.get('/v1/tenant')).status === 200 ? true : null;
  await until('the API knows the tenant', answers);
}

async function limit(client: Client, limits: Readonly<Record<string, number>>): Promise<void> {
  const { status } = await client.patch('/v1/tenant/limits', limits);
  if (status !== 202) throw new Error(`limits were answered with ${status}`);
  await until('the limits hold', async () => {
    const { body } = await client.get('/v1/tenant');
    const { limits: held } = body as { limits: Record<string, number> };
    return Object.entries(limits).every(([name, value]) => held[name] === value) ? true : null;
  });
}

function told({ seconds: took, sent, accepted, byKind, shed, refused, failed, unsent }: Tally): string {
  const rate = (count: number): string => `${(count / took).toFixed(0)}/s`;
  const each = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${rate(count)}`)
      .join(', ');
  const parts = [`sent ${rate(sent)}`, `taken ${rate(accepted)} (${each(byKind)})`];
  parts.push(`shed (${each(shed)})`, `refused (${each(refused)})`, `failed ${failed}`, `not sent ${unsent}`);
  return parts.join(', ');
}

function show(name: string, { lease, queued, acked, generatorLateMs }: Felt): void {
  report.line(
    `${name}: submit to lease p50 ${ms(lease.p50)}  p95 ${ms(lease.p95)}  p99 ${ms(lease.p99)}  max ${ms(lease.max)}` +
      `; to acknowledged p50 ${ms(acked.p50)}  p99 ${ms(acked.p99)}; to queued p50 ${ms(queued.p50)}  p99 ${ms(queued.p99)}  (generator at most ${ms(generatorLateMs)} late)`,
  );
}

class Phases {
  /** What does not hold, in words. */
  readonly broken: string[] = [];

  constructor(
    private readonly system: System,
    private readonly fairness: Fairness,
    private readonly takes: number,
    private readonly soloMs: number,
    private readonly boundMs: number,
  ) {}

  /** What the quiet tenant feels while the flood goes on. */
  async under(name: string, flood: Flood): Promise<void> {
    await flood.tally();
    const before = this.system.cpu();
    const felt = await this.fairness.felt();
    const after = this.system.cpu();
    const tally = await flood.tally();
    const used = (part: Part): number => (after[part] - before[part]) / 1e6 / tally.seconds;
    const cores = Object.fromEntries((Object.keys(before) as Part[]).map((part) => [part, used(part)]));
    const timesSolo = felt.lease.p99 / this.soloMs;
    report.put(name, { ...felt, tally, cores, timesSolo, load: loadavg() });
    const share = tally.sent / tally.seconds / this.takes;
    report.line(`${name}: ${share.toFixed(2)} of what the API takes: ${told(tally)}`);
    const shares = Object.entries(cores).map(([part, cpus]) => `${part} ${cpus.toFixed(2)}`);
    report.line(`  cores: ${shares.join('  ')}`);
    show(name, felt);
    const holds = felt.lease.p99 <= this.boundMs;
    report.line(
      `  p99 is ${timesSolo.toFixed(1)} times that of alone; at most ${ms(this.boundMs)}: ${holds ? 'holds' : 'DOES NOT HOLD'}`,
    );
    if (!holds) this.broken.push(`${name}: p99 ${ms(felt.lease.p99)}`);
    if (!(share >= floor.ofCapacity)) this.broken.push(`${name}: no flood`);
  }
}

async function measure(system: System, fairness: Fairness): Promise<string[]> {
  const takes = await fairness.capacity();
  await fairness.drained();
  const solo = await fairness.felt();
  show('alone', solo);
  const boundMs = Math.max(floor.ms, floor.timesSolo * solo.lease.p99);
  report.put('solo', solo);
  report.put('bound_ms', boundMs);
  report.line(
    `bound on p99: ${ms(boundMs)} (the larger of ${floor.ms} ms and ${floor.timesSolo} times alone)`,
  );
  const phases = new Phases(system, fairness, takes, solo.lease.p99, boundMs);
  const letIn = await fairness.startFlood(share * takes);
  await fairness.shownBy('mirror');
  await phases.under('flood let in', letIn);
  await letIn.stop();
  await fairness.drained();
  await fairness.shed(Math.max(1, Math.floor((takes * 0.1) / flooders.names.length)));
  const shed = await fairness.startFlood(share * takes);
  await fairness.shownBy('mirror');
  await phases.under('flood shed', shed);
  await system.killCache();
  await fairness.shownBy('owner');
  await phases.under('flood shed, cache lost', shed);
  await shed.stop();
  return phases.broken;
}

const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-bench-'));
const system = new System(process.cwd(), dataDir, quiet.slots, 1, true);
let failed = false;
let fairness: Fairness | null = null;
try {
  report.line(
    `load average ${loadavg()[0]?.toFixed(1)}; ${flooders.names.length} tenants flood, one is quiet; one partition`,
  );
  report.put('settings', { quiet, flooders, maxQueued, seconds, share, load: loadavg() });
  await system.start();
  fairness = new Fairness(system);
  await fairness.tenants();
  const broken = await measure(system, fairness);
  report.finish();
  if (broken.length > 0) throw new Error(`the bound does not hold: ${broken.join('; ')}`);
} catch (error: unknown) {
  failed = true;
  process.stderr.write(`fairness: ${String(error)}\n`);
} finally {
  await fairness?.close();
  await system.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
