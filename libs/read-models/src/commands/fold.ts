import { type View } from '../projection/view-rows.js';

/** The answer to a command is the first event that names it. */
export const commandsView: View = {
  want() {},

  fold(event, rows) {
    const { fact, commandId } = event;
    if (commandId === null || rows.commands.get(fact.tenantId, commandId)) return;
    const rejected = fact.type === 'command.rejected' ? fact.data : null;
    rows.commands.put({
      tenant_id: fact.tenantId,
      command_id: commandId,
      state: rejected ? 'rejected' : 'accepted',
      code: rejected?.code ?? null,
      message: rejected?.message ?? '',
      resource_id: resourceOf(event.fact),
      event_type: fact.type,
      context: event.context,
      partition: event.partition,
      offset: event.offset,
      decided_at: event.time,
    });
  },
};

function resourceOf(fact: Parameters<View['fold']>[0]['fact']): string | null {
  if (fact.type === 'command.accepted' || fact.type === 'command.rejected') {
    return fact.data.resource_id ?? null;
  }
  return fact.subject === '' ? null : fact.subject;
}
