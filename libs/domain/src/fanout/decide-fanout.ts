import {
  type Command,
  type Decided,
  type FanoutSpec,
  type JournalEventBody,
  type Labels,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, decided, matchesSelector, rejected, utf8Bytes } from '@fluxforge/domain/kernel';
import { submissionRateText } from '@fluxforge/domain/quotas';
import { type Keyed, type KeyWindow } from '@fluxforge/domain/task';
import { endedOf, type EndedFanout, type FanoutBook } from './fanout.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
type Of<T extends TasksCommandBody['type']> = Command<Extract<TasksCommandBody, { type: T }>>;
export type FanoutCommand = Of<'fanout.start' | 'fanout.retry' | 'fanout.cancel'>;

export interface FanoutLimits {
  /** Of one tenant, that have not ended. */
  readonly maxFanouts: number;
  readonly maxMembers: number;
  /** Of the largest event of a fan-out, which must fit in one batch of the log. */
  readonly maxBytes: number;
}

/** What else a submission hangs on at its time. */
export interface FanoutMoment {
  /** The tenant may submit one more now. A fan-out is one submission, however many members it has. */
  readonly withinRate: boolean;
  readonly keys: KeyWindow;
  readonly nowMs: number;
}

type Bounds = FanoutLimits & FanoutMoment;

/** The agents of the tenant, lost ones included, in the order of their enrolment. */
export type Agents = Iterable<{ readonly id: string; readonly labels: Labels }>;

export function decideFanout(
  book: FanoutBook | undefined,
  agents: Agents,
  command: FanoutCommand,
  limits: FanoutLimits,
  moment: FanoutMoment,
): Answer {
  if (!book) return [rejected(command, 'not_found', 'There is no such tenant.')];
  if (command.type === 'fanout.cancel') return cancel(book, command);
  const repeated = decideRepeated(book, command, moment);
  if (repeated) return repeated;
  const bounds = { ...limits, ...moment };
  if (command.type === 'fanout.retry') return retry(book, command, bounds);
  const members: string[] = [];
  for (const agent of agents)
    if (matchesSelector(command.data.spec.selector, agent.labels)) members.push(agent.id);
  return start(book, command, command.data.spec, members, bounds);
}

/** A fan-out that is known by its id holds its key, also beyond the window. */
function decideRepeated(
  book: FanoutBook,
  command: Of<'fanout.start' | 'fanout.retry'>,
  { keys, nowMs }: FanoutMoment,
): Answer | null {
  const { fanout_id: id, keyed } = command.data;
  const known = book.live.get(id) ?? endedOf(book, id);
  if (known) return [saysOther(known.keyed, keyed) ? reused(command) : accepted(command, id)];
  if (!keyed) return null;
  switch (keys.find(command.tenantId, keyed, nowMs)) {
    case 'same_body':
      return [accepted(command, id)];
    case 'other_body':
      return [reused(command)];
    case 'unknown':
      return null;
  }
}

/** One without a key is told by its id alone. */
function saysOther(a: Keyed | null, b: Keyed | undefined): boolean {
  return a !== null && b !== undefined && a.body_hash !== b.body_hash;
}

function reused(command: Of<'fanout.start' | 'fanout.retry'>) {
  const text = 'The idempotency key was used for another submission.';
  return rejected(command, 'idempotency_key_reused', text, command.data.fanout_id);
}

function start(
  book: FanoutBook,
  command: Of<'fanout.start' | 'fanout.retry'>,
  spec: FanoutSpec,
  members: string[],
  limits: Bounds,
): Answer {
  const id = command.data.fanout_id;
  if (book.live.size >= limits.maxFanouts) {
    const text = `a tenant has at most ${limits.maxFanouts} fan-outs at a time`;
    return [rejected(command, 'quota_exceeded', text, id)];
  }
  if (!limits.withinRate) return [refused(command, 'quota_submission_rate', submissionRateText)];
  if (members.length === 0) return [refused(command, 'no_agent_matches', 'No agent matches the selector.')];
  if (members.length > limits.maxMembers) {
    const text = `${members.length} agents match, and a fan-out has at most ${limits.maxMembers} members.`;
    return [refused(command, 'input_too_large', text)];
  }
  if (largestEvent(spec, members) > limits.maxBytes) {
    return [
      refused(command, 'input_too_large', 'The command and the ids of its members take too many bytes.'),
    ];
  }
  const of = command.type === 'fanout.retry' ? { retry_of: command.data.of_fanout_id } : {};
  const data = { fanout_id: id, spec, members, ...of, charged: true, ...keyOf(command) } as const;
  return [decided('fanout.started', command.tenantId, id, data)];
}

function refused(
  command: Of<'fanout.start' | 'fanout.retry'>,
  reason: 'quota_submission_rate' | 'no_agent_matches' | 'input_too_large',
  message: string,
): Decided<TasksEventBody> {
  const id = command.data.fanout_id;
  const data = { fanout_id: id, reason, message, ...keyOf(command) };
  return decided('fanout.rejected', command.tenantId, id, data);
}

function keyOf({ data: { keyed } }: Of<'fanout.start' | 'fanout.retry'>): { keyed?: Keyed } {
  return keyed ? { keyed } : {};
}

function retry(book: FanoutBook, command: Of<'fanout.retry'>, limits: Bounds): Answer {
  const { fanout_id: id, of_fanout_id: of, members: wanted } = command.data;
  if (book.live.has(of)) return [rejected(command, 'conflict', `fan-out ${of} has not ended`, id)];
  const earlier = endedOf(book, of);
  if (!earlier) {
    return [rejected(command, 'not_found', `there is no fan-out ${of}, or it ended long ago`, id)];
  }
  // Whoever succeeded is not remembered by name, and has nothing to repeat.
  if (wanted.includes('succeeded')) {
    return [rejected(command, 'invalid', 'members: what succeeded is not retried', id)];
  }
  const members = thoseWhoCameOut(earlier, wanted);
  if (!earlier.spec || members.length === 0) {
    return [rejected(command, 'invalid', `members: none of fan-out ${of} came out so`, id)];
  }
  const spec = timedAnew(earlier.spec, earlier.startedAtMs, limits.nowMs);
  return start(book, command, spec, members, limits);
}

/**
 * A `not_after` that still lies ahead holds for the retry as well. One that has passed would end every member before
 * it starts: the retry gets the span again that the first start had until then.
 */
function timedAnew(spec: FanoutSpec, startedAtMs: number, nowMs: number): FanoutSpec {
  const { not_before_ms: _, not_after_ms: notAfterMs, ...task } = spec.task;
  if (notAfterMs === undefined || notAfterMs > nowMs) return spec;
  // It was over when the first one started already, and says nothing about a span.
  if (notAfterMs <= startedAtMs) return { ...spec, task };
  return { ...spec, task: { ...task, not_after_ms: nowMs + (notAfterMs - startedAtMs) } };
}

/** Exactly these, also if they match the selector no longer. */
function thoseWhoCameOut(earlier: EndedFanout, wanted: Of<'fanout.retry'>['data']['members']): string[] {
  return earlier.members.filter(({ end }) => wanted.includes(end)).map(({ agent_id }) => agent_id);
}

function cancel(book: FanoutBook, command: Of<'fanout.cancel'>): Answer {
  const { fanout_id: id, reason } = command.data;
  const live = book.live.get(id);
  if (live?.cancelled) return [accepted(command, id)];
  if (live) {
    const said = reason === undefined ? {} : { message: reason };
    return [decided('fanout.cancelled', command.tenantId, id, { fanout_id: id, ...said })];
  }
  if (endedOf(book, id)) return [rejected(command, 'conflict', 'The fan-out has ended.', id)];
  return [rejected(command, 'not_found', `there is no fan-out ${id}, or it ended long ago`, id)];
}

const bytesOfEnd = '{"agent_id":"","end":"not_started"},'.length;

/** `fanout.started` has the spec and the members; `fanout.ended` may have to name how each came out. */
function largestEvent(spec: FanoutSpec, members: readonly string[]): number {
  let idBytes = 0;
  // Ids are plain ASCII.
  for (const id of members) idBytes += id.length;
  return Math.max(
    utf8Bytes(JSON.stringify(spec)) + idBytes + 3 * members.length,
    idBytes + bytesOfEnd * members.length,
  );
}
