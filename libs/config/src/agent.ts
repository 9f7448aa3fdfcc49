import { EnvReader, type Environment, type HostPort } from './env.js';
import { type LogLevel, logLevels } from './control-plane.js';

export interface AgentConfig {
  readonly apiUrl: string;
  /** Only needed until the agent is enrolled. */
  readonly joinToken: string | null;
  readonly dataDir: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Null: no metrics are served. */
  readonly opsAddress: HostPort | null;
  /** Where the `noop` executor writes when each run began; null: nowhere. For tests and measures. */
  readonly witnessFile: string | null;
  readonly runId: string | null;
  readonly logLevel: LogLevel;
}

const MAX_LABELS = 64;
const labelKey = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

export function agentConfig(hostName: string, env: Environment = process.env): AgentConfig {
  return EnvReader.parse(env, (e) => ({
    apiUrl: e.url('FLUXFORGE_AGENT_API_URL', ['http:', 'https:'], 'http://127.0.0.1:7070'),
    joinToken: e.optional('FLUXFORGE_AGENT_JOIN_TOKEN'),
    dataDir: e.text('FLUXFORGE_AGENT_DATA_DIR'),
    name: e.matching(
      'FLUXFORGE_AGENT_NAME',
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
      'letters, digits, dots, dashes and underscores, at most 128',
      hostName,
    ),
    labels: labels(e, 'FLUXFORGE_AGENT_LABELS'),
    slots: e.integer('FLUXFORGE_AGENT_SLOTS', { min: 1, max: 1024, fallback: 4 }),
    opsAddress: e.optional('FLUXFORGE_OPS_ADDRESS') === null ? null : e.address('FLUXFORGE_OPS_ADDRESS'),
    witnessFile: e.optional('FLUXFORGE_AGENT_WITNESS_FILE'),
    runId: e.optional('FLUXFORGE_RUN_ID'),
    logLevel: e.oneOf('FLUXFORGE_LOG_LEVEL', logLevels, 'info'),
  }));
}

/** `k=v,k2=v2`; a key alone has the empty value. */
function labels(e: EnvReader, name: string): Record<string, string> {
  const found: Record<string, string> = {};
  const parts = (e.optional(name) ?? '').split(',').filter((part) => part.trim() !== '');
  for (const part of parts) {
    const [key = '', value = '', ...rest] = part.split('=').map((text) => text.trim());
    if (rest.length > 0 || !labelKey.test(key) || !labelValue.test(value)) {
      e.mistake(name, `must be a list of key=value, which this is not: "${part}"`);
    } else if (key in found) {
      e.mistake(name, `names the key "${key}" twice`);
    } else {
      found[key] = value;
    }
  }
  if (parts.length > MAX_LABELS) e.mistake(name, `may hold at most ${MAX_LABELS} labels`);
  return found;
}
