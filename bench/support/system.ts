import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from './client.js';
import { cpuUs } from './cpu.js';
import { until } from './poll.js';

interface Service {
  readonly pid: number;
  stop(): Promise<void>;
}

interface Redis {
  readonly url: string;
  stop(): Promise<void>;
  kill9(): Promise<void>;
}

interface Infra {
  startKafka(options: {
    dataDir: string;
    heapMb: number;
    quickStart: boolean;
  }): Promise<Service & { brokers: string }>;
  startPostgres(options: { dataDir: string; database: string }): Promise<Service & { url: string }>;
  startRedis(options: { dataDir: string }): Promise<Redis>;
}

const apps = ['api', 'dispatcher', 'reconciler', 'projector', 'agent'] as const;
export type App = (typeof apps)[number];
export type Part = App | 'kafka' | 'postgres';

const startDeadlineMs = 60_000;
const stopDeadlineMs = 15_000;

/** The whole system as `npm start` runs it, each part a process of its own, with one agent of many slots. */
export class System {
  readonly children = new Map<App, ChildProcess>();
  private readonly moreAgents: ChildProcess[] = [];
  private env: Record<string, string> = {};
  private kafka: (Service & { brokers: string }) | null = null;
  private postgres: (Service & { url: string }) | null = null;
  private redis: Redis | null = null;
  private joinToken = '';
  private stopped = false;
  client!: Client;
  apiKey = '';
  apiUrl = '';

  constructor(
    private readonly root: string,
    readonly dataDir: string,
    private readonly slots: number,
    private readonly partitions = 8,
    private readonly withCache = false,
  ) {}

  get brokers(): string {
    return this.kafka?.brokers ?? '';
  }

  get postgresUrl(): string {
    return this.postgres?.url ?? '';
  }

  get witnessFile(): string {
    return join(this.dataDir, 'witness.log');
  }

  async start(): Promise<void> {
    // A benchmark that throws must not leave its system behind.
    process.once('exit', () => this.everyone().forEach((child) => child.kill('SIGKILL')));
    mkdirSync(join(this.dataDir, 'logs'), { recursive: true, mode: 0o755 });
    const infra = (await import(join(this.root, 'scripts/infra/index.mjs'))) as Infra;
    this.kafka = await infra.startKafka({
      dataDir: join(this.dataDir, 'kafka'),
      heapMb: 512,
      quickStart: false,
    });
    this.postgres = await infra.startPostgres({
      dataDir: join(this.dataDir, 'postgres'),
      database: 'fluxforge',
    });
    if (this.withCache) this.redis = await infra.startRedis({ dataDir: join(this.dataDir, 'redis') });
    const [http, apiGrpc, control] = await Promise.all([freePort(), freePort(), freePort()]);
    this.env = {
      FLUXFORGE_KAFKA_BROKERS: this.kafka.brokers,
      FLUXFORGE_POSTGRES_URL: this.postgres.url,
      FLUXFORGE_PARTITIONS: String(this.partitions),
      FLUXFORGE_DEV_MODE: 'true',
      FLUXFORGE_LOG_LEVEL: 'warn',
      FLUXFORGE_SIGNING_KEY: randomBytes(32).toString('hex'),
      FLUXFORGE_API_HTTP_ADDRESS: `127.0.0.1:${http}`,
      FLUXFORGE_API_GRPC_ADDRESS: `127.0.0.1:${apiGrpc}`,
      FLUXFORGE_DISPATCHER_GRPC_ADDRESS: `127.0.0.1:${control}`,
      FLUXFORGE_AGENT_API_URL: `http://127.0.0.1:${http}`,
      FLUXFORGE_AGENT_DATA_DIR: join(this.dataDir, 'agent'),
      FLUXFORGE_AGENT_NAME: 'bench-1',
      FLUXFORGE_AGENT_SLOTS: String(this.slots),
      FLUXFORGE_AGENT_WITNESS_FILE: this.witnessFile,
      ...(this.redis && { FLUXFORGE_REDIS_URL: this.redis.url }),
    };
    await this.once('projector', 'migrate-main.js');
    for (const app of ['dispatcher', 'api', 'reconciler', 'projector'] as const) this.launch(app);
    this.apiUrl = `http://127.0.0.1:${http}`;
    this.apiKey = await this.addTenant('bench');
    this.client = new Client(this.apiUrl, this.apiKey);
    await until(
      'the API is ready',
      async () => ((await this.status('/readyz')) === 200 ? true : null),
      startDeadlineMs,
    );
    this.joinToken = await joinTokenOf(this.client);
    this.launch('agent');
  }

  /** Makes a tenant, and answers its key. */
  async addTenant(name: string): Promise<string> {
    const made = await this.once('api', 'bootstrap-main.js', ['--tenant', name]);
    return (JSON.parse(made) as { api_key: string }).api_key;
  }

  /** One more agent, of the client's tenant. */
  async addAgent(client: Client, name: string, slots: number): Promise<void> {
    const own = {
      FLUXFORGE_AGENT_JOIN_TOKEN: await joinTokenOf(client),
      FLUXFORGE_AGENT_NAME: name,
      FLUXFORGE_AGENT_SLOTS: String(slots),
      FLUXFORGE_AGENT_DATA_DIR: join(this.dataDir, name),
      FLUXFORGE_AGENT_WITNESS_FILE: join(this.dataDir, `${name}.witness`),
    };
    this.moreAgents.push(this.spawn('agent', name, own));
  }

  launch(app: App): void {
    this.children.set(app, this.spawn(app, app, { FLUXFORGE_AGENT_JOIN_TOKEN: this.joinToken }));
  }

  private spawn(app: App, name: string, own: Record<string, string>): ChildProcess {
    const log = createWriteStream(join(this.dataDir, 'logs', `${name}.log`), { flags: 'a' });
    const env = { ...process.env, ...this.env, FLUXFORGE_DATA_DIR: join(this.dataDir, name), ...own };
    // For profiles: FLUXFORGE_BENCH_NODE_FLAGS='--cpu-prof --cpu-prof-dir=DIR'.
    const flags = (process.env['FLUXFORGE_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
    const child = spawn(process.execPath, [...flags, this.entry(app, 'main.js')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    return child;
  }

  async killCache(): Promise<void> {
    await this.redis?.kill9();
    this.redis = null;
  }

  async end(app: App): Promise<void> {
    const child = this.children.get(app);
    if (child) await ended(child);
  }

  cpu(): Record<Part, number> {
    const of = (app: App): number => cpuUs(this.children.get(app)?.pid ?? 0);
    const each = Object.fromEntries(apps.map((app) => [app, of(app)])) as Record<App, number>;
    return {
      ...each,
      agent: this.moreAgents.reduce((sum, { pid }) => sum + cpuUs(pid ?? 0), each.agent),
      kafka: cpuUs(this.kafka?.pid ?? 0),
      postgres: cpuUs(this.postgres?.pid ?? 0),
    };
  }

  /** One line of JSON; see the agent's `journal-main.js`. */
  agentJournal(): Promise<string> {
    return this.once('agent', 'journal-main.js', [join(this.dataDir, 'agent')]);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.client?.close();
    await Promise.all(this.everyone().map(ended));
    await this.redis?.stop();
    await this.postgres?.stop();
    await this.kafka?.stop();
  }

  private everyone(): ChildProcess[] {
    return [...this.children.values(), ...this.moreAgents];
  }

  private async status(path: string): Promise<number> {
    return this.client.get(path).then(
      (answer) => answer.status,
      () => 0,
    );
  }

  private entry(app: string, file: string): string {
    return join(this.root, 'dist/apps', app, 'src', file);
  }

  private once(app: string, file: string, args: string[] = []): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, ...this.env, FLUXFORGE_DATA_DIR: join(this.dataDir, app) };
      const child = spawn(process.execPath, [this.entry(app, file), ...args], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let out = '';
      child.stdout.on('data', (part: Buffer) => (out += part.toString()));
      child.once('exit', (code) =>
        code === 0 ? resolve(out.trim()) : reject(new Error(`${app}/${file} ended with ${code}`)),
      );
    });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await gone;
  clearTimeout(timer);
}

async function joinTokenOf(client: Client): Promise<string> {
  const token = await client.post('/v1/join-tokens', { labels: {} });
  return (token.body as { join_token: string }).join_token;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
    server.once('error', reject);
  });
}
