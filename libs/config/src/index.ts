export {
  type Environment,
  type HostPort,
  BadConfiguration,
  EnvReader,
  parseHostPort,
  configuredOrExit,
} from './env.js';
export {
  type KafkaConfig,
  type CommonConfig,
  type ApiConfig,
  type DispatcherConfig,
  type ReconcilerConfig,
  type ProjectorConfig,
  type MigrateConfig,
  type LogLevel,
  logLevels,
  apiConfig,
  dispatcherConfig,
  reconcilerConfig,
  projectorConfig,
  migrateConfig,
  commonConfig,
} from './control-plane.js';
export { type BrakeConfig, type BreakersConfig, type BreakerThreshold } from './quarantine.js';
export { type AgentConfig, agentConfig } from './agent.js';
