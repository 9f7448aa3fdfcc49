import {
  type EventData,
  type Fact,
  type FanoutMemberEnd,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { type Keyed } from '@fluxforge/domain/task';
import { memberEnd, newFanout, placeOf, type EndedFanout, type Fanout, type FanoutBook } from './fanout.js';

export type FanoutFact = Fact<
  Extract<
    TasksEventBody,
    { type: 'fanout.started' | 'fanout.rejected' | 'fanout.cancelled' | 'fanout.ended' }
  >
>;

/** What a fact has changed: one that lives, and one that has ended and is to be remembered. */
export interface FanoutChange {
  readonly live?: Fanout;
  readonly gone?: Fanout;
  readonly ended?: EndedFanout;
}

export function evolveFanout(book: FanoutBook, fact: FanoutFact, order: number): FanoutChange {
  const id = fact.data.fanout_id;
  const live = book.live.get(id);
  switch (fact.type) {
    case 'fanout.started': {
      if (live) return {};
      const made = newFanout(fact.data, fact.tenantId, order, fact.timeMs);
      book.live.set(id, made);
      return { live: made };
    }
    case 'fanout.cancelled':
      if (!live) return {};
      live.cancelled = true;
      return { live };
    case 'fanout.rejected':
      return live ? {} : { ended: remembered(fact, fact.data.keyed, null, []) };
    case 'fanout.ended':
      if (!live) return {};
      book.live.delete(id);
      return { gone: live, ended: remembered(fact, live.keyed, live, fact.data.members) };
  }
}

function remembered(
  { data, tenantId, timeMs }: FanoutFact,
  keyed: Keyed | null | undefined,
  fanout: Fanout | null,
  members: EndedFanout['members'],
): EndedFanout {
  const spec = fanout?.spec ?? null;
  const span = { startedAtMs: fanout?.startedAtMs ?? timeMs, endedAtMs: timeMs };
  return { id: data.fanout_id, tenantId, spec, ...span, members, keyed: keyed ?? null };
}

/** A task of a fan-out was queued: its member has had its turn. Also for what a snapshot brings back. */
export function addMember(
  book: FanoutBook,
  data: Pick<EventData<'task.queued'>, 'task_id' | 'batch'>,
): Fanout | null {
  const fanout = book.live.get(data.batch?.fanout_id ?? '');
  const place = fanout ? placeOf(fanout, data.task_id) : -1;
  if (!fanout || place < 0) return null;
  fanout.next = Math.max(fanout.next, place + 1);
  fanout.live.set(data.task_id, place);
  fanout.standing.add(data.task_id);
  return fanout;
}

/** Its task was not let in, for good. */
export function memberRejected(book: FanoutBook, data: EventData<'task.rejected'>): Fanout | null {
  const fanout = book.live.get(data.batch?.fanout_id ?? '');
  const place = fanout ? placeOf(fanout, data.task_id) : -1;
  if (!fanout || place < fanout.next) return null;
  fanout.next = place + 1;
  count(fanout, place, 'failed');
  return fanout;
}

export function memberCancelled(book: FanoutBook, fanoutId: string, taskId: string): Fanout | null {
  const fanout = book.live.get(fanoutId);
  return fanout?.standing.delete(taskId) ? fanout : null;
}

export function memberOver(
  book: FanoutBook,
  fanoutId: string,
  { task_id: taskId, end, attempts_used: attemptsUsed }: EventData<'task.ended'>,
): Fanout | null {
  const fanout = book.live.get(fanoutId);
  const place = fanout?.live.get(taskId);
  if (!fanout || place === undefined) return null;
  fanout.live.delete(taskId);
  fanout.standing.delete(taskId);
  count(fanout, place, memberEnd(end, attemptsUsed));
  return fanout;
}

function count(fanout: Fanout, place: number, end: FanoutMemberEnd): void {
  fanout.ends.set(place, end);
  if (end === 'failed' || end === 'unknown') fanout.bad += 1;
}
