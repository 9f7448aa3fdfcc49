import {
  type Command,
  type Decided,
  type EventBody,
  type EventData,
  type EventType,
  type RefusalCode,
} from '@fluxforge/events/catalogue';

const messageLimit = 2048;

/** One fact, as a decider gives it. `subject` is the id of the entity it is about. */
export function decided<T extends EventType>(
  type: T,
  tenantId: string,
  subject: string,
  data: EventData<T>,
): Decided<Extract<EventBody, { type: T }>> {
  return { type, tenantId, subject, data } as unknown as Decided<Extract<EventBody, { type: T }>>;
}

/** The answer to a command that changed nothing, because things were so already. */
export function accepted(command: Command, resourceId?: string) {
  return decided('command.accepted', command.tenantId, command.id, {
    command_id: command.id,
    ...(resourceId === undefined ? {} : { resource_id: resourceId }),
  });
}

export function rejected(command: Command, code: RefusalCode, message: string, resourceId?: string) {
  return decided('command.rejected', command.tenantId, command.id, {
    command_id: command.id,
    code,
    message: message.slice(0, messageLimit),
    ...(resourceId === undefined ? {} : { resource_id: resourceId }),
  });
}
