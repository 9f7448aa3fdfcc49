import { type View } from '../projection/view-rows.js';

export const eventsView: View = {
  want() {},

  fold(event, rows) {
    const { fact, provenance } = event;
    // Housekeeping at up to one a second and partition, about nobody: it would bury the rest.
    if (fact.type === 'journal.progress') return;
    rows.events.put({
      context: event.context,
      partition: event.partition,
      offset: event.offset,
      tenant_id: fact.tenantId,
      id: fact.id,
      type: fact.type,
      version: event.version,
      time: event.time,
      subject: fact.subject,
      ...entitiesOf(fact.data as MayName),
      actor: provenance.actor,
      reason: provenance.reason,
      command_id: event.commandId,
      causation_id: provenance.causationId,
      correlation_id: provenance.correlationId,
      hash: event.hash,
      data: fact.data,
    });
  },
};

interface MayName {
  readonly task_id?: string;
  readonly state_id?: string;
  readonly agent_id?: string;
  readonly origin?: { readonly state_id: string; readonly agent_id: string };
}

/** The entities that an event is about, beside its subject; a reconciliation task is about its state too. */
function entitiesOf(data: MayName) {
  return {
    task_id: data.task_id ?? null,
    state_id: data.state_id ?? data.origin?.state_id ?? null,
    agent_id: data.agent_id ?? data.origin?.agent_id ?? null,
  };
}
