import { dispatcherConfig } from '@fluxforge/config';
import { defaultTasksPolicy } from '@fluxforge/domain/tasks-context';
import { tasksPolicyOf } from './tasks-policy.js';

const policyOf = (over: Record<string, string>) =>
  tasksPolicyOf(
    dispatcherConfig({
      FLUXFORGE_KAFKA_BROKERS: 'k:9092',
      FLUXFORGE_SIGNING_KEY: 'k'.repeat(32),
      ...over,
    }),
  );

describe('the policy of a dispatcher', () => {
  it('is the one that the rules were tested with, unless said', () => {
    expect(policyOf({})).toEqual(defaultTasksPolicy);
  });

  it('takes what is said, and leaves the rest', () => {
    const policy = policyOf({
      FLUXFORGE_BRAKE_SHARE_PERCENT: '70',
      FLUXFORGE_BRAKE_MIN_AGENTS: '2',
      FLUXFORGE_BRAKE_WINDOW_MS: '30000',
      FLUXFORGE_BRAKE_HOLD_MS: '60000',
      FLUXFORGE_FAILURE_DOMAIN_LABEL: 'rack',
      FLUXFORGE_AGENT_BREAKER_FAILURES: '3',
      FLUXFORGE_AGENT_BREAKER_OF: '4',
      FLUXFORGE_DOMAIN_BREAKER_OF: '20',
      FLUXFORGE_BREAKER_COOLDOWN_MS: '1000',
      FLUXFORGE_BREAKER_MAX_COOLDOWN_MS: '2000',
    });
    const { agent, domain, maxDomains } = defaultTasksPolicy.breakers;
    const cooldown = { cooldownMs: 1_000, maxCooldownMs: 2_000 };
    expect(policy).toEqual({
      ...defaultTasksPolicy,
      brake: { sharePercent: 70, minAgents: 2, windowMs: 30_000, holdMs: 60_000 },
      breakers: {
        agent: { ...agent, failures: 3, of: 4, ...cooldown },
        domain: { ...domain, of: 20, ...cooldown },
        domainLabel: 'rack',
        maxDomains,
      },
    });
  });
});
