#!/usr/bin/env node
// `npm start`: the whole system on this machine, from a bare clone.
//   npm start              stays up and watches the example states until Ctrl-C
//   npm start -- --demo    ends with 0 once the loop has closed and one drift was healed
// Needs no node_modules to begin with.
import { parseArgs } from 'node:util';
import { ensureBuilt } from './lib/build.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { serviceNode } from './lib/node-choice.mjs';
import { endProcesses, findByRunId, signal } from './lib/procs.mjs';
import { say, seconds, step } from './lib/progress.mjs';
import { beginRun, sweepDeadRuns } from './lib/runs.mjs';
import { MissingPart } from './infra/kafka-jars.mjs';
import { DataDir } from './start/data-dir.mjs';
import { Demo } from './start/demo.mjs';
import { AGENTS, INTERVAL, makeDemoFolders } from './start/demo-states.mjs';
import { startInfra } from './start/infra.mjs';
import { RestClient } from './start/rest.mjs';
import { CONTROL_PLANE, Services } from './start/services.mjs';
import { Supervisor } from './start/supervisor.mjs';

const DEMO_DEADLINE_MS = 120_000;
const startedAt = performance.now();
const tell = (text) => say(`[${((performance.now() - startedAt) / 1000).toFixed(2).padStart(7)} s] ${text}`);

class Launcher {
  #abort = new AbortController();
  #done = new Promise((resolve) => {
    this.finish = resolve;
  });

  constructor({ demo }) {
    this.demoOnly = demo;
    this.supervisor = new Supervisor(tell);
  }

  async prepare() {
    await ensureInstalled();
    await ensureBuilt();
    for (const { ended } of await sweepDeadRuns())
      tell(`ended ${ended} processes that an earlier start had left`);
    this.run = beginRun();
    this.data = new DataDir();
    const left = await this.data.take(this.run.runId);
    this.taken = true;
    if (left > 0) tell(`ended ${left} processes that an earlier start had left`);
  }

  async bringUp() {
    const { ports, moved } = await this.data.choosePorts();
    if (moved.length > 0) tell(`ports in use by others, taken instead: ${moved.join(', ')}`);
    this.infra = await step('starting Kafka and Postgres', (onLine) =>
      startInfra({ data: this.data, ports, runId: this.run.runId, supervisor: this.supervisor, onLine }),
    );
    const node = serviceNode();
    const { data, infra, run, supervisor } = this;
    this.services = new Services({ data, ports, infra, run, node, supervisor });
    await step('migrating Postgres', () => this.services.migrate());
    const [key] = await step('starting api, dispatcher, reconciler and projector', () =>
      Promise.all([
        this.services.bootstrap(),
        this.services.topics().then(() => this.services.controlPlane()),
      ]),
    );
    this.client = new RestClient(this.services.apiUrl, key);
    await step('starting two agents', () => this.#agents());
    this.upAt = performance.now();
    tell(`services are up`);
  }

  async #agents() {
    const { items } = await this.client.get('/v1/agents?limit=100');
    const starts = AGENTS.map(async (agent, index) => {
      // An agent that has joined keeps its credential in its own folder.
      const joined = this.data.settings.joined?.[agent.name] && items.some((a) => a.name === agent.name);
      const token = joined ? undefined : await this.client.post('/v1/join-tokens', { labels: agent.labels });
      await this.services.agent(agent, index, token?.join_token);
      this.data.saveSettings({ joined: { ...this.data.settings.joined, [agent.name]: true } });
    });
    await Promise.all(starts);
  }

  async showLoop() {
    const demoDir = this.data.path('demo');
    makeDemoFolders(demoDir);
    this.demo = new Demo({ client: this.client, demoDir, tell });
    await this.demo.declare();
    this.following = this.demo.follow(this.#abort.signal);
    const left = () => DEMO_DEADLINE_MS - (performance.now() - this.upAt);
    await this.demo.untilClosed(left());
    tell(
      `every example state is compliant, ${seconds(performance.now() - this.upAt)} after the services were up`,
    );
    if (!this.demoOnly) return;
    const { backAfterMs } = await this.demo.breakAndHeal(left());
    tell(`the loop has closed and one drift was healed (file back after ${seconds(backAfterMs)})`);
  }

  printAddresses() {
    const { apiUrl } = this.services;
    const key = this.client.apiKey;
    say('');
    say(`  API        ${apiUrl}          docs ${apiUrl}/docs`);
    say(`  gRPC       ${this.services.grpcAddress}          apps/api/proto`);
    say(`  API key    ${key}          (kept in ${this.data.path('secrets.json')})`);
    say(`  Kafka      ${this.infra.brokers} (${this.infra.kinds.kafka})`);
    say(`  Postgres   ${this.infra.url} (${this.infra.kinds.postgres})`);
    say(`  logs       ${this.data.path('logs')}`);
    say(`  try        curl -s -H 'Authorization: Bearer ${key}' ${apiUrl}/v1/states`);
    say(`  break it   rm ${this.demo.states[0].file}      (back within ${INTERVAL} + 2 s)`);
    say('  stop       Ctrl-C');
    say('');
  }

  listen() {
    let asked = 0;
    const onSignal = (name) => {
      asked += 1;
      if (asked > 1) {
        say('\nstopping at once');
        for (const { pid } of this.run ? findByRunId(this.run.runId) : []) signal(pid, 'SIGKILL');
        process.exit(130);
      }
      say(`\n${name}: stopping (again to stop at once)`);
      this.finish();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => onSignal(name));
  }

  /** Resolves to the exit code when the work is done, has failed, or somebody wants it to end. */
  async live() {
    this.listen();
    const work = async () => {
      await this.prepare();
      await this.bringUp();
      await this.showLoop();
      if (this.demoOnly) return 0;
      this.printAddresses();
      return this.#done.then(() => 0);
    };
    try {
      const asked = this.#done.then(() => (this.demoOnly ? 1 : 0));
      return await Promise.race([work(), asked]);
    } catch (error) {
      say(`\nnot well: ${error instanceof MissingPart ? error.message : explain(error)}`);
      return 1;
    }
  }

  async stop() {
    this.supervisor.announceStop();
    this.#abort.abort();
    if (!this.run) return true;
    if (this.services) tell('stopping agents and services');
    await this.supervisor.stop([...AGENTS.map((a) => a.name), ...CONTROL_PLANE]);
    if (this.infra) tell('stopping Kafka and Postgres');
    await this.supervisor.stop(['Kafka', 'Postgres']);
    await this.infra?.stop();
    await this.following;
    const left = findByRunId(this.run.runId);
    await endProcesses(left, { graceMs: 3000 });
    await this.run.end();
    if (this.taken) this.data.release();
    if (left.length === 0)
      tell(`no process of this run is left (looked for FLUXFORGE_RUN_ID=${this.run.runId})`);
    else
      tell(
        `${left.length} processes of this run were still there and were ended: ${left.map((p) => p.pid).join(', ')}`,
      );
    return left.length === 0;
  }
}

function explain(error) {
  return process.env.FLUXFORGE_LOG_LEVEL === 'debug' ? error.stack : error.message;
}

async function main() {
  const { values } = parseArgs({ options: { demo: { type: 'boolean', default: false } } });
  process.stdout.on('error', () => undefined); // the terminal may be gone before we are
  const launcher = new Launcher(values);
  const code = await launcher.live();
  await launcher.stop();
  process.exit(code);
}

await main();
