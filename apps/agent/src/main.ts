import { hostname } from 'node:os';
import { agentConfig, configuredOrExit } from '@fluxforge/config';
import {
  Metrics,
  type OpsServer,
  Readiness,
  createLogger,
  runProcess,
  startOpsServer,
} from '@fluxforge/telemetry';
import { Agent } from './agent.js';

const VERSION = '0.1.0';

const config = configuredOrExit(() => agentConfig(hostname()));
const logger = createLogger({ process: 'agent', level: config.logLevel, runId: config.runId });
const metrics = new Metrics('agent');
const readiness = new Readiness(['control-stream']);
let ops: OpsServer | undefined;

/** In one plain line, whatever the log level: a person has to act. */
function giveUp(error: Error): never {
  process.stderr.write(`fluxforge-agent: ${error.message}\n`);
  process.exit(1);
}

const STOP_BEFORE_GIVING_UP_MS = 9000;

/** Refused for good while commands run: they are stopped first. */
function stopAndGiveUp(error: Error): void {
  const tooLate = new Promise((resolve) => setTimeout(resolve, STOP_BEFORE_GIVING_UP_MS));
  void Promise.race([agent.stop(), tooLate]).finally(() => giveUp(error));
}

const agent = new Agent(config, VERSION, logger, metrics, readiness, stopAndGiveUp);

runProcess({
  name: 'agent',
  logger,
  start: async () => {
    if (config.opsAddress !== null) {
      metrics.watchProcess();
      ops = await startOpsServer({ address: config.opsAddress, metrics, readiness });
    }
    const facts = await agent.start().catch((error: unknown) => {
      return giveUp(error instanceof Error ? error : new Error(String(error)));
    });
    readiness.set('control-stream', 'ok');
    return { ...facts, name: config.name, ...(ops === undefined ? {} : { ops: ops.address }) };
  },
  stop: async () => {
    await agent.stop();
    await ops?.close();
  },
});
