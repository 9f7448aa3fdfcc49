import { type ContextName } from '@fluxforge/events/catalogue';
import { type TopicSpec } from '@fluxforge/events/log';

/** Full names of the topics under one prefix. */
export interface Topics {
  readonly commands: Readonly<Record<ContextName, string>>;
  readonly events: Readonly<Record<ContextName, string>>;
  readonly directory: string;
  readonly checkRequests: string;
  readonly agentReports: string;
  readonly logs: string;
  readonly deadLetters: string;
}

export function topicsOf(prefix: string): Topics {
  return {
    commands: { tasks: `${prefix}.tasks.commands`, states: `${prefix}.states.commands` },
    events: { tasks: `${prefix}.tasks.events`, states: `${prefix}.states.events` },
    directory: `${prefix}.directory`,
    checkRequests: `${prefix}.checks.requests`,
    agentReports: `${prefix}.agents.reports`,
    logs: `${prefix}.logs`,
    deadLetters: `${prefix}.dead-letters`,
  };
}

export interface Durability {
  readonly partitions: number;
  /** 3 with `min.insync.replicas` 2; 1 only in dev mode. */
  readonly replication: number;
  readonly minInsyncReplicas: number;
}

const hour = 3_600_000;
const day = 24 * hour;

/** How each topic is made. Retention -1 is for ever; event topics are never compacted: that would destroy history. */
export function topicSpecs(prefix: string, durability: Durability): TopicSpec[] {
  const topics = topicsOf(prefix);
  const spec = (topic: string, config: Record<string, string>): TopicSpec => ({
    topic,
    partitions: durability.partitions,
    replication: durability.replication,
    config: {
      'min.insync.replicas': String(durability.minInsyncReplicas),
      'unclean.leader.election.enable': 'false',
      'message.timestamp.type': 'LogAppendTime',
      ...config,
    },
  });
  const kept = (retentionMs: number) => ({ 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) });
  return [
    spec(topics.commands.tasks, kept(-1)),
    spec(topics.commands.states, kept(-1)),
    spec(topics.events.tasks, kept(-1)),
    spec(topics.events.states, kept(-1)),
    spec(topics.directory, { 'cleanup.policy': 'compact' }),
    spec(topics.checkRequests, kept(hour)),
    spec(topics.agentReports, kept(7 * day)),
    spec(topics.logs, kept(7 * day)),
    spec(topics.deadLetters, kept(30 * day)),
  ];
}
