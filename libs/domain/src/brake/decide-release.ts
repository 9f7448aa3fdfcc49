import {
  type Command,
  type Decided,
  type JournalEventBody,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted } from '@fluxforge/domain/kernel';
import { release, type Brake } from './brake.js';

export type ReleaseCommand = Command<Extract<TasksCommandBody, { type: 'tenant.release-brake' }>>;

/** An operator says that the silent agents are to be taken for gone. */
export function decideRelease(
  brake: Brake | undefined,
  command: ReleaseCommand,
): Decided<TasksEventBody | JournalEventBody>[] {
  if (!brake?.isOn) return [accepted(command, command.tenantId)];
  return [release(brake, command.tenantId, 'operator')];
}
