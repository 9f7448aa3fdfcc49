// The processes of the control plane and the two agents of `npm start`: what each gets in its environment.
import fs from 'node:fs';
import path from 'node:path';
import { inRoot, CACHE } from '../lib/paths.mjs';
import { poll, sleep } from '../lib/poll.mjs';
import { run } from '../lib/run.mjs';
import { topicsAreLed } from '../infra/kafka-wire.mjs';
import { startNodeService } from './node-service.mjs';
import { parseBootstrap } from './parse-bootstrap.mjs';

export const CONTROL_PLANE = ['dispatcher', 'api', 'reconciler', 'projector'];
// Variables and the ports behind them. The API serves its metrics on its own address.
const ADDRESSES = {
  api: { API_HTTP_ADDRESS: 'apiHttp', API_GRPC_ADDRESS: 'apiGrpc', API_USERS_GRPC_ADDRESS: 'usersGrpc' },
  dispatcher: { DISPATCHER_GRPC_ADDRESS: 'dispatcherGrpc', OPS_ADDRESS: 'dispatcherOps' },
  reconciler: { OPS_ADDRESS: 'reconcilerOps' },
  projector: { OPS_ADDRESS: 'projectorOps' },
};
const TOPICS = [
  'tasks.commands',
  'states.commands',
  'tasks.events',
  'states.events',
  'directory',
  'checks.requests',
  'agents.reports',
  'logs',
  'dead-letters',
];
const TOPICS_DEADLINE_MS = 20_000;
const HOST = '127.0.0.1';
const ADMIN_DEADLINE_MS = 90_000;
const TENANT = 'demo';
const MAX_TENANTS = 20;
const BOOTSTRAP_ATTEMPTS = 4;
const BOOTSTRAP_PAUSE_MS = 500;
// Until the bootstrap has made the topics, a service may end and be started again.
const FIRST_START_RETRIES = 6;

// Where the built entry points are; a test puts its own there.
const built = () => process.env.FLUXFORGE_DIST || inRoot('dist');
const mainOf = (app, file = 'main.js') => path.join(built(), 'apps', app, 'src', file);

export class Services {
  constructor({ data, ports, infra, run: current, node, supervisor }) {
    Object.assign(this, { data, ports, node, supervisor });
    this.common = {
      ...current.env,
      NODE_COMPILE_CACHE: path.join(CACHE, 'compile'),
      FLUXFORGE_KAFKA_BROKERS: infra.brokers,
      FLUXFORGE_POSTGRES_URL: infra.url,
      FLUXFORGE_PARTITIONS: process.env.FLUXFORGE_PARTITIONS ?? '8',
      FLUXFORGE_DEV_MODE: 'true',
      FLUXFORGE_SIGNING_KEY: data.signingKey(),
    };
  }

  get apiUrl() {
    return `http://${HOST}:${this.ports.apiHttp}`;
  }

  /** Of gRPC for users. */
  get grpcAddress() {
    return `${HOST}:${this.ports.usersGrpc}`;
  }

  /** Services that are started before their topics are there end at once and have to be started again. */
  async topics() {
    const prefix = process.env.FLUXFORGE_TOPIC_PREFIX ?? 'fluxforge';
    const names = TOPICS.map((topic) => `${prefix}.${topic}`);
    const look = () => topicsAreLed(this.common.FLUXFORGE_KAFKA_BROKERS, names).catch(() => false);
    await poll(look, { deadlineMs: TOPICS_DEADLINE_MS, stepMs: 100, what: 'no topics' }).catch(
      () => undefined,
    );
  }

  async #admin(app, file, args = []) {
    const env = { ...this.common, FLUXFORGE_DATA_DIR: this.#folder(app) };
    return run(this.node, [mainOf(app, file), ...args], { env, deadlineMs: ADMIN_DEADLINE_MS });
  }

  #folder(name) {
    const folder = this.data.path('services', name);
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  migrate() {
    return this.#admin('projector', 'migrate-main.js');
  }

  /**
   * The tenant and its API key. The key is told once, when the tenant is made: a launcher that ended before it
   * had stored the key goes on with another tenant.
   */
  async bootstrap() {
    const first = this.data.settings.tenant ?? TENANT;
    for (let n = 1; n <= MAX_TENANTS; n++) {
      const name = n === 1 ? first : `${TENANT}-${n}`;
      const made = await this.#bootstrapOnce(name);
      if (made.api_key) this.data.saveSecrets({ tenant: name, api_key: made.api_key });
      if (this.data.secrets.tenant !== name || !this.data.secrets.api_key) continue;
      this.data.saveSettings({ tenant: name, tenant_id: made.tenant_id });
      return this.data.secrets.api_key;
    }
    throw new Error(
      `no API key: tenants ${TENANT} to ${TENANT}-${MAX_TENANTS} exist, their keys are not stored here`,
    );
  }

  /** Tried a few times: everything it talks to is starting at the same moment. */
  async #bootstrapOnce(name) {
    for (let attempt = 1; ; attempt++) {
      try {
        const { stdout } = await this.#admin('api', 'bootstrap-main.js', ['--tenant', name]);
        return parseBootstrap(stdout);
      } catch (error) {
        if (attempt >= BOOTSTRAP_ATTEMPTS) throw error;
        await sleep(BOOTSTRAP_PAUSE_MS);
      }
    }
  }

  /** `addresses`: variables and the ports they name; until the first start has come to its end they may move. */
  #add(name, app, addresses, extra = {}) {
    let settled = false;
    const start = async (onSpawn) => {
      if (!settled) await this.data.replaceTaken(this.ports, Object.values(addresses));
      const at = Object.entries(addresses).map(([key, port]) => [
        `FLUXFORGE_${key}`,
        `${HOST}:${this.ports[port]}`,
      ]);
      const service = await startNodeService({
        onSpawn,
        name,
        node: this.node,
        main: mainOf(app),
        env: { ...this.common, FLUXFORGE_DATA_DIR: this.#folder(name), ...Object.fromEntries(at), ...extra },
        logDir: this.data.path('logs'),
      });
      settled = true;
      return service;
    };
    return this.supervisor.add(name, start, { firstStartRetries: FIRST_START_RETRIES });
  }

  controlPlane() {
    return Promise.all(CONTROL_PLANE.map((app) => this.#add(app, app, ADDRESSES[app])));
  }

  /** An agent sees the API's address and its own settings, nothing of Kafka, Postgres or keys. */
  agent({ name, labels }, index, joinToken) {
    const hidden = ['KAFKA_BROKERS', 'POSTGRES_URL', 'REDIS_URL', 'SIGNING_KEY'];
    const extra = {
      ...Object.fromEntries(hidden.map((key) => [`FLUXFORGE_${key}`, undefined])),
      FLUXFORGE_DATA_DIR: undefined,
      FLUXFORGE_AGENT_API_URL: this.apiUrl,
      FLUXFORGE_AGENT_JOIN_TOKEN: joinToken,
      FLUXFORGE_AGENT_DATA_DIR: this.data.path('agents', name),
      FLUXFORGE_AGENT_NAME: name,
      FLUXFORGE_AGENT_LABELS: Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    };
    return this.#add(name, 'agent', { OPS_ADDRESS: `agent${index + 1}Ops` }, extra);
  }
}
