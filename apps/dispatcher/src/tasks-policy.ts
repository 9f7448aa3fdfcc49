import { type DispatcherConfig } from '@fluxforge/config';
import { defaultTasksPolicy, type TasksPolicy } from '@fluxforge/domain/tasks-context';

/** The rules of this process: for its owners, and for the thread that folds the same logs for snapshots. */
export function tasksPolicyOf({
  brake,
  breakers,
}: Pick<DispatcherConfig, 'brake' | 'breakers'>): TasksPolicy {
  const { agent, domain, domainLabel, cooldownMs, maxCooldownMs } = breakers;
  const cooldown = { cooldownMs, maxCooldownMs };
  const usual = defaultTasksPolicy.breakers;
  return {
    ...defaultTasksPolicy,
    brake,
    breakers: {
      ...usual,
      domainLabel,
      agent: { ...usual.agent, ...agent, ...cooldown },
      domain: { ...usual.domain, ...domain, ...cooldown },
    },
  };
}
