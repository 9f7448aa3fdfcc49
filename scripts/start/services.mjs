// The processes of the control plane and the two agents of `npm start`: what each gets in its environment.
import fs from 'node:fs';
import path from 'node:path';
import { inRoot, CACHE } from '../lib/paths.mjs';
import { run } from '../lib/run.mjs';
import { startNodeService } from './node-service.mjs';
import { parseBootstrap } from './parse-bootstrap.mjs';

export const CONTROL_PLANE = ['dispatcher', 'api', 'reconciler', 'projector'];
const HOST = '127.0.0.1';
const ADMIN_DEADLINE_MS = 90_000;
const TENANT = 'demo';
const MAX_TENANTS = 20;
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
      FLUXFORGE_API_HTTP_ADDRESS: `${HOST}:${ports.apiHttp}`,
      FLUXFORGE_API_GRPC_ADDRESS: `${HOST}:${ports.apiGrpc}`,
      FLUXFORGE_DISPATCHER_GRPC_ADDRESS: `${HOST}:${ports.dispatcherGrpc}`,
    };
    this.apiUrl = `http://${HOST}:${ports.apiHttp}`;
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
      const { stdout } = await this.#admin('api', 'bootstrap-main.js', ['--tenant', name]);
      const made = parseBootstrap(stdout);
      if (made.api_key) this.data.saveSecrets({ tenant: name, api_key: made.api_key });
      if (this.data.secrets.tenant !== name || !this.data.secrets.api_key) continue;
      this.data.saveSettings({ tenant: name, tenant_id: made.tenant_id });
      return this.data.secrets.api_key;
    }
    throw new Error(
      `no API key: tenants ${TENANT} to ${TENANT}-${MAX_TENANTS} exist, their keys are not stored here`,
    );
  }

  #add(name, app, extra, cwd) {
    const start = () =>
      startNodeService({
        name,
        node: this.node,
        main: mainOf(app),
        env: { ...this.common, FLUXFORGE_DATA_DIR: this.#folder(name), ...extra },
        cwd,
        logDir: this.data.path('logs'),
      });
    return this.supervisor.add(name, start, { firstStartRetries: FIRST_START_RETRIES });
  }

  #ops(name) {
    return { FLUXFORGE_OPS_ADDRESS: `${HOST}:${this.ports[`${name}Ops`]}` };
  }

  controlPlane() {
    // The API serves its metrics on its own address.
    return Promise.all(CONTROL_PLANE.map((app) => this.#add(app, app, app === 'api' ? {} : this.#ops(app))));
  }

  /** An agent sees the API's address and its own settings, nothing of Kafka, Postgres or keys. */
  agent({ name, labels }, index, joinToken) {
    const hidden = ['KAFKA_BROKERS', 'POSTGRES_URL', 'SIGNING_KEY', 'API_HTTP_ADDRESS', 'API_GRPC_ADDRESS'];
    const extra = {
      ...Object.fromEntries(hidden.map((key) => [`FLUXFORGE_${key}`, undefined])),
      ...this.#ops(`agent${index + 1}`),
      FLUXFORGE_DATA_DIR: undefined,
      FLUXFORGE_AGENT_API_URL: this.apiUrl,
      FLUXFORGE_AGENT_JOIN_TOKEN: joinToken,
      FLUXFORGE_AGENT_DATA_DIR: this.data.path('agents', name),
      FLUXFORGE_AGENT_NAME: name,
      FLUXFORGE_AGENT_LABELS: Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    };
    return this.#add(name, 'agent', extra);
  }
}
