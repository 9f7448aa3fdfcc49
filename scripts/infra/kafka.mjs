// A single-node Apache Kafka (KRaft) as a child process.
//   absent -> formatted -> starting -> ready -> stopped | killed      (ready <-> paused)
// The data folder is good for any number of starts, clean or after a kill -9, on the same ports or others.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CACHE, inRoot } from '../lib/paths.mjs';
import { freePort, portIsFree } from '../lib/ports.mjs';
import { tail } from '../lib/logs.mjs';
import { endStale, startService, untilReady } from '../lib/service.mjs';
import { within } from '../lib/poll.mjs';
import { run } from '../lib/run.mjs';
import { javaCommand, kafkaJars } from './kafka-jars.mjs';
import { brokerIsReady } from './kafka-wire.mjs';

const HOST = '127.0.0.1';
const READY_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 15_000;
const PORT_RACES = 3;

/** C1 alone starts faster and suffices for tests; a broker that is measured wants the full compiler. */
function javaOptions(heapMb, quickStart) {
  return [
    `-Xmx${heapMb}m`,
    '-Xms96m',
    '-XX:+UseSerialGC',
    ...(quickStart ? ['-XX:TieredStopAtLevel=1'] : []),
    '-XX:-UsePerfData',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${inRoot('infra', 'kafka', 'log4j2.xml')}`,
  ];
}

/** The format tool refuses ids that begin with a dash: it would take them for options. */
export function clusterId(bytes = () => randomBytes(16)) {
  for (;;) {
    const id = bytes().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

export function fillTemplate(template, values) {
  return template.replace(/@([A-Z_]+)@/g, (_, name) => {
    if (values[name] === undefined) throw new Error(`server.properties.template wants ${name}`);
    return String(values[name]);
  });
}

function writeProperties(dataDir, file, logDir, ports) {
  const template = fs.readFileSync(inRoot('infra', 'kafka', 'server.properties.template'), 'utf8');
  const values = { BROKER_PORT: ports.broker, CONTROLLER_PORT: ports.controller, LOG_DIR: logDir };
  const target = path.join(dataDir, file);
  fs.writeFileSync(target, fillTemplate(template, values));
  return target;
}

/** Formats beside and renames: a format that was cut short leaves nothing that looks formatted. */
async function formatOnce(dataDir, java, ports) {
  const logDir = path.join(dataDir, 'log');
  if (fs.existsSync(path.join(logDir, 'meta.properties'))) return;
  const draft = path.join(dataDir, 'log.tmp');
  fs.rmSync(draft, { recursive: true, force: true });
  const file = writeProperties(dataDir, 'format.properties', draft, ports);
  const args = [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', file];
  await run(javaCommand(), args, { deadlineMs: READY_DEADLINE_MS });
  fs.rmSync(file);
  fs.rmSync(logDir, { recursive: true, force: true });
  fs.renameSync(draft, logDir);
}

async function choosePorts(port) {
  if (port !== undefined && !(await portIsFree(port))) throw new Error(`port ${port} for Kafka is in use`);
  const broker = port ?? (await freePort());
  let controller = await freePort();
  while (controller === broker) controller = await freePort();
  return { broker, controller };
}

export async function startKafka({ dataDir, port, heapMb = 512, quickStart = true, runId, ...tell }) {
  const { log = () => undefined, onSpawn } = tell;
  const jars = await kafkaJars({ log });
  fs.mkdirSync(dataDir, { recursive: true });
  fs.mkdirSync(CACHE, { recursive: true });
  await endStale(path.join(dataDir, 'kafka.pid'), { graceMs: STOP_DEADLINE_MS });
  const java = [...javaOptions(heapMb, quickStart), '-cp', path.join(path.dirname(jars[0]), '*')];
  for (let race = 1; ; race++) {
    const ports = await choosePorts(port);
    await formatOnce(dataDir, java, ports);
    const service = spawnBroker(dataDir, java, ports, runId);
    const running = handle(service, ports.broker);
    onSpawn?.(running);
    try {
      await untilReady(service, () => brokerIsReady(HOST, ports.broker), { deadlineMs: READY_DEADLINE_MS });
      return running;
    } catch (error) {
      service.signal('SIGKILL');
      await service.exited;
      // Another process took a port between our look and the broker's bind.
      const lost = /Address already in use|BindException/.test(tail(service.logFile, 40));
      if (!lost || race >= PORT_RACES) throw error;
    }
  }
}

function spawnBroker(dataDir, java, ports, runId) {
  const properties = writeProperties(dataDir, 'server.properties', path.join(dataDir, 'log'), ports);
  return startService({
    name: 'Kafka',
    command: javaCommand(),
    args: [...java, 'kafka.Kafka', properties],
    cwd: dataDir,
    env: { ...process.env, ...(runId ? { FLUXFORGE_RUN_ID: runId } : {}) },
    logFile: path.join(dataDir, 'kafka.log'),
    pidFile: path.join(dataDir, 'kafka.pid'),
  });
}

function handle(service, port) {
  const kill9 = async () => {
    service.signal('SIGKILL');
    await service.exited;
  };
  return {
    brokers: `${HOST}:${port}`,
    port,
    pid: service.pid,
    exited: service.exited,
    logFile: service.logFile,
    async stop() {
      service.signal('SIGTERM');
      service.signal('SIGCONT');
      if (!(await within(service.exited, STOP_DEADLINE_MS, undefined))) await kill9();
    },
    kill9,
    pause: () => service.signal('SIGSTOP'),
    resume: () => service.signal('SIGCONT'),
  };
}
