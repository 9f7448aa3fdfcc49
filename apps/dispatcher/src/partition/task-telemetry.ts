import { type Fact, type JournalEventBody, type TasksEventBody } from '@fluxforge/events/catalogue';
import { inContext, type Logger, type Metrics } from '@fluxforge/telemetry';

/** What operators see of committed facts: counts by how tasks ended, waiting times, and a line for each turn. */
export class TaskTelemetry {
  constructor(
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  tell(fact: Fact<TasksEventBody | JournalEventBody>): void {
    const { metrics } = this;
    switch (fact.type) {
      case 'task.leased':
        metrics.observe('fluxforge_lease_wait_seconds', {}, fact.data.decision.waited_ms / 1000);
        return this.line(fact, { task: fact.data.task_id, agent: fact.data.agent_id });
      case 'task.ended':
        metrics.add('fluxforge_tasks_ended_total', { end: fact.data.end });
        return this.line(fact, { task: fact.data.task_id, agent: fact.data.agent_id ?? '' });
      case 'task.rejected':
        metrics.add('fluxforge_tasks_ended_total', { end: 'rejected' });
        return this.line(fact, { task: fact.data.task_id, agent: '' });
      case 'agent.lost':
        metrics.add('fluxforge_agents_lost_total', {});
        inContext(this.logger, { tenant: fact.tenantId, agent: fact.data.agent_id }).warn(
          { reason: fact.data.reason },
          'agent lost',
        );
        return;
      default:
        return;
    }
  }

  /** At debug: a thousand tasks a second must not become thousands of lines unless somebody asks. */
  private line(fact: Fact<TasksEventBody | JournalEventBody>, about: { task: string; agent: string }): void {
    if (!this.logger.isLevelEnabled('debug')) return;
    const { agent, task } = about;
    const logger = inContext(this.logger, { tenant: fact.tenantId, task, ...(agent ? { agent } : {}) });
    logger.debug({ event: fact.id }, fact.type);
  }
}
