import { type Quarantines } from '@fluxforge/domain/tasks-context';

/** As users see it: times as texts, and only those that mean something. */
export function quarantinesView({ breakers, brake }: Quarantines) {
  return {
    breakers: breakers.map(({ scope, name, phase, untilMs, openings }) => ({
      scope,
      name,
      phase,
      until: phase === 'open' ? new Date(untilMs).toISOString() : null,
      openings,
    })),
    brake: brake && {
      until: new Date(brake.untilMs).toISOString(),
      lost_agents: brake.lostAgents,
      agents: brake.agents,
    },
  };
}
