import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ContextName } from '@fluxforge/events/catalogue';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { type LogPort } from '@fluxforge/events/log';
import { partitionOf } from '@fluxforge/events/partitioner';
import { topicsOf, type Topics } from '@fluxforge/events/topics';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { freePort } from '../../../scripts/infra/index.mjs';
import { type Infra } from './infra.js';
import { LiveJournal } from './live-journal.js';
import { processesWith } from './process-table.js';
import { Rest } from './rest.js';
import { SupervisedProcess, root, type Exit } from './supervised-process.js';

export interface AgentOptions {
  readonly name: string;
  readonly labels?: string;
  readonly slots?: number;
}

export interface SystemOptions {
  readonly dispatchers?: number;
  readonly reconcilers?: number;
  readonly partitions?: number;
  readonly agents: readonly AgentOptions[];
  /** Of a cache that all share. */
  readonly redisUrl?: string;
  /** Agents reach each dispatcher through a proxy that can break the connection (`links`). */
  readonly links?: boolean;
}

const adminDeadlineMs = 120_000;
const markName = 'FLUXFORGE_TEST_SYSTEM';
const host = '127.0.0.1';

/**
 * The whole control plane as real processes, with topics and a database of its own: made, bootstrapped
 * with one tenant, and watched. Every process, and every process that its tasks start, carries a mark.
 */
export class TestSystem {
  readonly id = `e2e${randomBytes(5).toString('hex')}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'fluxforge-e2e-'));
  readonly topics: Topics = topicsOf(this.id);
  readonly log: LogPort;
  readonly partitions: number;
  readonly dispatchers: readonly SupervisedProcess[];
  readonly agents = new Map<string, SupervisedProcess>();
  readonly reconcilers: readonly SupervisedProcess[];
  api: SupervisedProcess;
  projector: SupervisedProcess;
  rest: Rest;
  journal: LiveJournal;
  tenantId = '';
  partition = -1;

  private readonly apiPort: number;

  private constructor(
    readonly infra: Infra,
    private readonly options: SystemOptions,
    [apiPort = 0, outputPort = 0, ...dispatcherPorts]: readonly number[],
    readonly links: readonly FaultProxy[],
  ) {
    this.apiPort = apiPort;
    this.partitions = options.partitions ?? 2;
    this.log = createKafkaLog({ brokers: infra.brokers.split(','), clientId: 'fluxforge-e2e' });
    chmodSync(this.folder, 0o755);
    mkdirSync(join(this.folder, 'logs'));
    this.api = this.controlPlane('api', {
      FLUXFORGE_API_HTTP_ADDRESS: `${host}:${apiPort}`,
      FLUXFORGE_API_GRPC_ADDRESS: `${host}:${outputPort}`,
    });
    this.dispatchers = dispatcherPorts.map((port, i) =>
      this.controlPlane(
        'dispatcher',
        {
          FLUXFORGE_DISPATCHER_GRPC_ADDRESS: `${host}:${port}`,
          FLUXFORGE_DISPATCHER_ADVERTISED_ADDRESS: `${host}:${links[i]?.address.port ?? port}`,
        },
        `dispatcher-${i + 1}`,
      ),
    );
    const reconcilers = options.reconcilers ?? 1;
    this.reconcilers = Array.from({ length: reconcilers }, (_, i) =>
      this.controlPlane('reconciler', {}, reconcilers === 1 ? 'reconciler' : `reconciler-${i + 1}`),
    );
    this.projector = this.controlPlane('projector', {});
  }

  static async start(infra: Infra, options: SystemOptions): Promise<TestSystem> {
    // Known before the first start, and the same after each restart: agents and users remember them.
    const wanted = 2 + (options.dispatchers ?? 1);
    const ports = new Set<number>();
    while (ports.size < wanted) ports.add(await freePort());
    const behindLinks = options.links ? [...ports].slice(2) : [];
    const links = await Promise.all(behindLinks.map((port) => FaultProxy.start({ host, port })));
    const system = new TestSystem(infra, options, [...ports], links);
    try {
      await system.bringUp(options);
      return system;
    } catch (error: unknown) {
      await system.remove();
      throw error;
    }
  }

  get apiUrl(): string {
    return `http://${host}:${this.apiPort}`;
  }

  /** In the environment of every task that tests submit: what is left of them can be found. */
  get mark(): Readonly<Record<string, string>> {
    return { [markName]: this.id };
  }

  get all(): readonly SupervisedProcess[] {
    return [this.api, ...this.dispatchers, ...this.reconcilers, this.projector, ...this.agents.values()];
  }

  agent(name: string): SupervisedProcess {
    const agent = this.agents.get(name);
    if (!agent) throw new Error(`there is no agent ${name}`);
    return agent;
  }

  /** What the agent wrote down of itself: its id, and the mark that its tasks carry. */
  identity(name: string): { readonly agentId: string; readonly instance: string } {
    const text = readFileSync(join(this.folder, 'agents', name, 'identity.json'), 'utf8');
    const { instance, enrolled } = JSON.parse(text) as { instance: string; enrolled: { agentId: string } };
    return { agentId: enrolled.agentId, instance };
  }

  async addAgent({ name, labels = '', slots = 4 }: AgentOptions): Promise<void> {
    const { join_token: token } = await this.rest.expect('POST', '/v1/join-tokens', { body: {} });
    const agent = this.process(name, 'agent', {
      FLUXFORGE_AGENT_API_URL: this.apiUrl,
      FLUXFORGE_AGENT_JOIN_TOKEN: String(token),
      FLUXFORGE_AGENT_DATA_DIR: join(this.folder, 'agents', name),
      FLUXFORGE_AGENT_NAME: name,
      FLUXFORGE_AGENT_LABELS: labels,
      FLUXFORGE_AGENT_SLOTS: String(slots),
    });
    this.agents.set(name, agent);
    await agent.start();
  }

  /** Of the contexts' owners, the one that leads a partition, as the newest claims in their logs say. */
  leader(context: ContextName = 'tasks', partition = this.partition): SupervisedProcess | undefined {
    const claims = this.owners(context)
      .filter((owner) => owner.isUp)
      .map((owner) => ({ owner, claimOffset: leads(owner, context, partition) }));
    claims.sort((a, b) => b.claimOffset - a.claimOffset);
    const first = claims[0];
    return first && first.claimOffset >= 0 ? first.owner : undefined;
  }

  owners(context: ContextName): readonly SupervisedProcess[] {
    return context === 'tasks' ? this.dispatchers : this.reconcilers;
  }

  get reconciler(): SupervisedProcess {
    const [first] = this.reconcilers;
    if (!first) throw new Error('there is no reconciler');
    return first;
  }

  reconcilerLeads(): boolean {
    return this.leader('states') !== undefined;
  }

  /**
   * Agents first, then whoever writes; the projector is left to catch up, when `before` waits for it. Answers
   * the exits that were not clean.
   */
  async stop(beforeProjector: () => Promise<void> = async () => undefined): Promise<string[]> {
    const agents = await exitsOf([...this.agents.values()]);
    const writers = await exitsOf([this.api, ...this.dispatchers, ...this.reconcilers]);
    await beforeProjector();
    const projector = await exitsOf([this.projector]);
    return [...agents, ...writers, ...projector].flatMap(({ name, exit }) =>
      exit === null || exit.code === 0 ? [] : [`${name} ended with ${exit.signal ?? exit.code}`],
    );
  }

  /** Processes of this system that are still there. */
  leftovers(): number[] {
    return processesWith(markName, this.id);
  }

  /** Ends whatever is left, however the test came out. */
  async remove(): Promise<void> {
    await Promise.all(this.all.map((one) => one.hold()));
    for (const pid of this.leftovers()) process.kill(pid, 'SIGKILL');
    await Promise.all(this.links.map((link) => link.close()));
    await this.journal?.close();
    await this.log.close();
    if (!process.env['FLUXFORGE_TEST_KEEP']) rmSync(this.folder, { recursive: true, force: true });
  }

  private async bringUp(options: SystemOptions): Promise<void> {
    await Promise.all([
      this.admin('apps/projector/src/migrate-main.js', []),
      this.admin('apps/api/src/bootstrap-main.js', ['--tenant', 'e2e', '--topics-only']),
    ]);
    const controlPlane = [this.api, ...this.dispatchers, ...this.reconcilers, this.projector];
    const started = Promise.all(controlPlane.map((one) => one.start()));
    const [made] = await Promise.all([
      this.admin('apps/api/src/bootstrap-main.js', ['--tenant', 'e2e', '--timeout-s', '100']),
      started,
    ]);
    const { tenant_id, api_key } = JSON.parse(made) as { tenant_id: string; api_key: string };
    this.tenantId = tenant_id;
    this.partition = partitionOf(tenant_id, this.partitions);
    this.rest = new Rest(this.apiUrl, api_key);
    this.journal = new LiveJournal(this.log, this.topics, this.partition);
    this.journal.follow();
    await Promise.all(options.agents.map((agent) => this.addAgent(agent)));
  }

  private async admin(main: string, args: readonly string[]): Promise<string> {
    const file = join(process.env['FLUXFORGE_DIST'] ?? join(root, 'dist'), main);
    const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], {
      env: this.environment('admin'),
      timeout: adminDeadlineMs,
    });
    return stdout;
  }

  private controlPlane(app: string, env: Record<string, string>, name = app): SupervisedProcess {
    return this.process(name, app, { ...this.environment(name), ...env });
  }

  private process(name: string, app: string, env: Record<string, string>): SupervisedProcess {
    const main = `apps/${app}/src/main.js`;
    const whole = { ...this.common(), ...env };
    return new SupervisedProcess({ name, main, env: whole, folder: join(this.folder, 'logs') });
  }

  private common(): Record<string, string> {
    const runId = process.env['FLUXFORGE_RUN_ID'];
    return {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: join(root, '.cache', 'compile'),
      ...this.mark,
      ...(runId ? { FLUXFORGE_RUN_ID: runId } : {}),
    };
  }

  private environment(name: string): Record<string, string> {
    const dataDir = join(this.folder, 'services', name);
    mkdirSync(dataDir, { recursive: true });
    return {
      ...this.common(),
      FLUXFORGE_KAFKA_BROKERS: this.infra.brokers,
      FLUXFORGE_POSTGRES_URL: this.infra.postgresUrl,
      FLUXFORGE_TOPIC_PREFIX: this.id,
      FLUXFORGE_PARTITIONS: String(this.partitions),
      FLUXFORGE_DEV_MODE: 'true',
      FLUXFORGE_SIGNING_KEY: 'e2e'.padEnd(48, 'k'),
      FLUXFORGE_DATA_DIR: dataDir,
      ...(this.options.redisUrl === undefined ? {} : { FLUXFORGE_REDIS_URL: this.options.redisUrl }),
    };
  }
}

/** Offset of the claim under which the process leads the partition now, or -1. */
function leads(process: SupervisedProcess, context: string, partition: number): number {
  const said = process
    .lines()
    .filter((line) => line['context'] === context && line['partition'] === partition)
    .filter((line) => line.msg === 'leading' || line.msg === 'no longer leading')
    .at(-1);
  return said?.msg === 'leading' ? Number(said['claimOffset']) : -1;
}

async function exitsOf(
  processes: readonly SupervisedProcess[],
): Promise<{ name: string; exit: Exit | null }[]> {
  return Promise.all(processes.map(async (one) => ({ name: one.name, exit: await one.stop() })));
}
