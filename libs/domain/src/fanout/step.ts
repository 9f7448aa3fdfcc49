import {
  type Decided,
  type EventData,
  type FanoutMemberEnd,
  type ReasonCode,
  type TaskSpec,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { childTaskId, isClosed, isSpent, type Fanout } from './fanout.js';

type Events = Decided<TasksEventBody>[];

/** What a step needs of the tasks and agents. */
export interface Members {
  hasAgent(agentId: string): boolean;
  /** There is, or was lately, a task of this id. */
  isKnown(taskId: string): boolean;
  cancel(taskId: string): Decided<TasksEventBody> | null;
  /** The ordinary admission: the events of a task that is let in, or a single `task.rejected`. */
  admit(candidate: EventData<'task.queued'>): Events;
  /** No queue is ever empty enough for it: it would wait for ever. */
  neverFits(spec: TaskSpec): boolean;
}

/** These pass; a member that meets one of them waits for its turn, and the fan-out with it. */
const passing: ReadonlySet<ReasonCode> = new Set([
  'quota_queued_tasks',
  'quota_queued_bytes',
  'mode_degraded',
  'mode_read_only',
  'mode_draining',
]);

/** The next step of a fan-out that has work. Null: its next task is not let in now. */
export function stepFanout(fanout: Fanout, members: Members): Events | null {
  if (fanout.cancelled) {
    for (const taskId of fanout.standing) {
      const cancelled = members.cancel(taskId);
      if (cancelled) return [cancelled];
    }
  }
  const place = isClosed(fanout) ? -1 : nextPlace(fanout, members);
  if (place >= 0) return startMember(fanout, place, members);
  // Those that were passed over to the end of the list: what lives may come to its end first.
  return fanout.live.size === 0 ? [endOf(fanout)] : null;
}

/** Agents that were removed are passed over; so is an id that is taken, which must not be queued twice. */
function nextPlace(fanout: Fanout, members: Members): number {
  for (let place = fanout.next; place < fanout.members.length; place++) {
    const agentId = fanout.members[place]!;
    if (members.hasAgent(agentId) && !members.isKnown(childTaskId(fanout.id, place))) return place;
  }
  return -1;
}

function startMember(fanout: Fanout, place: number, members: Members): Events | null {
  const { selector: _, ...task } = fanout.spec.task;
  const spec: TaskSpec = { ...task, agent_id: fanout.members[place]!, selector: [] };
  const events = members.admit({
    task_id: childTaskId(fanout.id, place),
    life: 1,
    kind: 'fanout',
    spec,
    batch: { fanout_id: fanout.id },
  });
  const refused = events.find((event) => event.type === 'task.rejected');
  return refused && passing.has(refused.data.reason) && !members.neverFits(spec) ? null : events;
}

function endOf(fanout: Fanout): Decided<TasksEventBody> {
  const counts = { succeeded: 0, failed: 0, not_started: 0, unknown: 0 };
  const members: { agent_id: string; end: FanoutMemberEnd }[] = [];
  for (const [place, agent_id] of fanout.members.entries()) {
    const end = fanout.ends.get(place) ?? 'not_started';
    counts[end] += 1;
    if (end !== 'succeeded') members.push({ agent_id, end });
  }
  const data = { fanout_id: fanout.id, reason: reasonOf(fanout), ...counts, members };
  return decided('fanout.ended', fanout.tenantId, fanout.id, data);
}

function reasonOf(fanout: Fanout): ReasonCode {
  if (fanout.cancelled) return 'fanout_cancelled';
  return isSpent(fanout) ? 'fanout_max_failures' : 'fanout_complete';
}
