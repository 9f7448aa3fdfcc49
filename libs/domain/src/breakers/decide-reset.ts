import {
  type Command,
  type Decided,
  type JournalEventBody,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, decided } from '@fluxforge/domain/kernel';
import { type BreakerBook } from './book.js';

export type ResetCommand = Command<
  Extract<TasksCommandBody, { type: 'agent.reset-breaker' | 'domain.reset-breaker' }>
>;

/** An operator's word. Closed already, or never heard of: nothing is left to do. */
export function decideReset(
  book: BreakerBook | undefined,
  command: ResetCommand,
): Decided<TasksEventBody | JournalEventBody>[] {
  const [scope, name] =
    command.type === 'agent.reset-breaker'
      ? (['agent', command.data.agent_id] as const)
      : (['domain', command.data.domain] as const);
  const breaker = book?.find(scope, name);
  if (!breaker || breaker.phase === 'closed') return [accepted(command, name)];
  return [decided('breaker.closed', command.tenantId, name, { scope, name, reason: 'operator' })];
}
