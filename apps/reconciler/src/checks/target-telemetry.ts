import { type Fact, type JournalEventBody, type StatesEventBody } from '@fluxforge/events/catalogue';
import { inContext, type Logger } from '@fluxforge/telemetry';

const told = new Set<string>([
  'drift.detected',
  'remediation.requested',
  'remediation.failed',
  'remediation.given-up',
  'compliance.restored',
  'target.unknown',
]);

/** A log line for every transition of a target that a person may ask about later. */
export function tellTarget(logger: Logger, fact: Fact<StatesEventBody | JournalEventBody>): void {
  if (!told.has(fact.type)) return;
  const { state_id: state, agent_id: agent, task_id: task } = fact.data as Record<string, string | undefined>;
  const about = inContext(logger, { tenant: fact.tenantId, ...given({ state, agent, task }) });
  about[fact.type === 'remediation.given-up' ? 'warn' : 'info']({ event: fact.id }, fact.type);
}

function given(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
