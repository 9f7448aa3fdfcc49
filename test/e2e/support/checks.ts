import { type JournalEvent, type JournalPartition } from './journal.js';
import { type Submission } from './submissions.js';
import { type Testimony } from './witness.js';

/** Pure judgements of what was recorded. Each answers what is wrong, in words; nothing is wrong when empty. */

/** A command as its topic holds it. */
export interface LoggedCommand {
  readonly commandId: string;
  readonly type: string;
  readonly taskId: string | null;
  /** Of a submitted task. */
  readonly name: string | null;
}

/** The reader found nothing amiss, and terms only rose. `seq` and the hash chain are the reader's to see. */
export function journalFlaws(partitions: readonly JournalPartition[]): string[] {
  return partitions.flatMap(({ context, partition, claims, corrupt }) => {
    const at = `${context}/${partition}`;
    const falling = claims.filter((claim, i) => i > 0 && claim.term <= (claims[i - 1]?.term ?? 0));
    return [
      ...corrupt.map((message) => `${at}: ${message}`),
      ...falling.map(({ term, offset }) => `${at}: term ${term} at offset ${offset} does not rise`),
    ];
  });
}

/**
 * Every acknowledged command is in the log exactly once and was answered; every submission led to one task
 * at most (one exactly when it was acknowledged); nothing is there that nobody asked for.
 */
export function queueFlaws(
  submissions: readonly Submission[],
  commands: readonly LoggedCommand[],
  events: readonly JournalEvent[],
): string[] {
  const logged = countBy(commands, (command) => command.commandId);
  const answered = new Set(events.map((event) => event.commandId));
  const openings = events.filter((e) => e.type === 'task.queued' || e.type === 'task.rejected');
  const opened = countBy(openings, (event) => String(event.data['task_id']));
  const flaws: string[] = [];
  for (const { name, taskIds, tries } of submissions) {
    for (const { commandId, outcome } of tries) {
      const times = commandId === null ? 0 : (logged.get(commandId) ?? 0);
      if (outcome === 'accepted' && times !== 1)
        flaws.push(`lost: ${name} (${commandId}) is logged ${times} times`);
      if (outcome === 'not-written' && times !== 0)
        flaws.push(`${name} (${commandId}) was said not to be written`);
      if (times > 1) flaws.push(`${name} (${commandId}) is logged ${times} times`);
      if (times === 1 && !answered.has(commandId)) flaws.push(`${name} (${commandId}) was never answered`);
    }
    if (taskIds.length > 1) flaws.push(`${name} has ${taskIds.length} ids: ${taskIds.join(', ')}`);
    const acknowledged = tries.some((t) => t.outcome === 'accepted');
    for (const id of taskIds) {
      const times = opened.get(id) ?? 0;
      if (times > 1 || (acknowledged && times === 0)) flaws.push(`${name} (${id}) was opened ${times} times`);
    }
  }
  return [
    ...flaws,
    ...unexpected(submissions, commands),
    ...twiceByName(commands, submissions),
    ...writtenAfterAll(submissions, commands),
  ];
}

function unexpected(submissions: readonly Submission[], commands: readonly LoggedCommand[]): string[] {
  const names = new Set(submissions.map((submission) => submission.name));
  return commands
    .filter((command) => command.type === 'task.submit' && !names.has(command.name ?? ''))
    .map((command) => `nobody submitted ${command.taskId} (${command.name})`);
}

/** Of what was never sent, or answered as surely not written, there is nothing. */
function writtenAfterAll(submissions: readonly Submission[], commands: readonly LoggedCommand[]): string[] {
  const names = new Set(commands.map((command) => command.name));
  return submissions
    .filter(({ tries }) => tries.every((t) => t.outcome === 'not-written'))
    .filter(({ name }) => names.has(name))
    .map(({ name }) => `${name} was said not to be written each time, and is logged`);
}

/** A submission without a key is sent once, so its name is in the log once at most. */
function twiceByName(commands: readonly LoggedCommand[], submissions: readonly Submission[]): string[] {
  const unkeyed = new Set(submissions.filter((s) => s.key === null).map((s) => s.name));
  const named = countBy(
    commands.filter((command) => unkeyed.has(command.name ?? '')),
    (command) => command.name ?? '',
  );
  return [...named]
    .filter(([, times]) => times > 1)
    .map(([name, times]) => `${name} is logged ${times} times`);
}

/**
 * The life of each task as the log tells it: opened once, leased to one agent at a time under rising
 * attempts, ended exactly once, and nothing moved it after that.
 */
export function taskFlaws(events: readonly JournalEvent[]): string[] {
  const flaws: string[] = [];
  const lives = new Map<string, TaskLife>();
  for (const event of events) {
    if (!event.type.startsWith('task.')) continue;
    const id = `${String(event.data['task_id'])}#${String(event.data['life'])}`;
    const life = lives.get(id) ?? new TaskLife(id);
    lives.set(id, life);
    flaws.push(...life.take(event));
  }
  return [...flaws, ...[...lives.values()].flatMap((life) => life.atTheEnd())];
}

class TaskLife {
  private opened = 0;
  private ends = 0;
  private live: number | null = null;
  private attempts = 0;

  constructor(private readonly id: string) {}

  take({ type, data, offset }: JournalEvent): string[] {
    const wrong = (what: string): string[] => [`${this.id} at offset ${offset}: ${what}`];
    const attempt = Number(data['attempt'] ?? 0);
    if (this.ends > 0 && type !== 'task.report-ignored') return wrong(`${type} after its end`);
    switch (type) {
      case 'task.queued':
        this.opened += 1;
        return this.opened > 1 ? wrong('queued again') : [];
      case 'task.rejected':
        this.opened += 1;
        this.ends += 1;
        return this.opened > 1 ? wrong('rejected after it was opened') : [];
      case 'task.leased':
        return this.leased(attempt, wrong);
      case 'task.started':
        return this.live === attempt ? [] : wrong(`attempt ${attempt} started without its lease`);
      case 'task.attempt-ended':
        if (this.live !== attempt) return wrong(`attempt ${attempt} ended without its lease`);
        this.live = null;
        return [];
      case 'task.ended':
        return this.over(data, attempt, wrong);
      default:
        return [];
    }
  }

  atTheEnd(): string[] {
    if (this.opened === 0) return [`${this.id} was never opened`];
    return this.ends === 1 ? [] : [`${this.id} has ${this.ends} ends`];
  }

  private leased(attempt: number, wrong: (what: string) => string[]): string[] {
    const before = this.live;
    this.live = attempt;
    const expected = this.attempts + 1;
    this.attempts = attempt;
    if (before !== null) return wrong(`leased as ${attempt} while the lease of ${before} lives`);
    return attempt === expected ? [] : wrong(`attempt ${attempt} follows ${expected - 1}`);
  }

  private over(data: JournalEvent['data'], attempt: number, wrong: (what: string) => string[]): string[] {
    this.ends += 1;
    const live = this.live;
    this.live = null;
    if (!data['reason']) return wrong('ended without a reason');
    if (data['end'] !== 'succeeded') return [];
    if (attempt === 0 || live !== attempt) return wrong(`succeeded by attempt ${attempt}, live is ${live}`);
    return [];
  }
}

/**
 * A succeeded task that testifies has run through with the attempt, and on the machine, that the log names;
 * and never have two runs of one task been alive side by side on one machine.
 */
export function witnessFlaws(
  testimonies: readonly Testimony[],
  events: readonly JournalEvent[],
  testifying: ReadonlySet<string>,
  instances: ReadonlyMap<string, string>,
): string[] {
  const completed = new Set(
    testimonies.filter((t) => t.what === 'stop').map((t) => `${t.taskId} ${t.attempt} ${t.agent}`),
  );
  const overlaps = testimonies
    .filter((t) => t.what === 'overlap')
    .map((t) => `${t.taskId}: attempt ${t.attempt} began on ${t.agent} while an earlier one lived there`);
  const missing = events
    .filter((e) => e.type === 'task.ended' && e.data['end'] === 'succeeded')
    .filter((e) => testifying.has(String(e.data['task_id'])))
    .map((e) => {
      const agent = instances.get(String(e.data['agent_id'])) ?? '(unknown agent)';
      return `${String(e.data['task_id'])} ${String(e.data['attempt'])} ${agent}`;
    })
    .filter((run) => !completed.has(run))
    .map((run) => `no such run was witnessed: ${run}`);
  return [...overlaps, ...missing];
}

/** Whoever ran an attempt that its owner had given up reports it all the same, and that is on record. */
export function staleReportFlaws(
  testimonies: readonly Testimony[],
  events: readonly JournalEvent[],
  instances: ReadonlyMap<string, string>,
): string[] {
  const runOf = ({ data }: JournalEvent): string =>
    `${String(data['task_id'])} ${String(data['attempt'])} ${instances.get(String(data['agent_id']))}`;
  const begun = new Set(
    testimonies.filter((t) => t.what === 'start').map((t) => `${t.taskId} ${t.attempt} ${t.agent}`),
  );
  const recorded = new Set(events.filter((e) => e.type === 'task.report-ignored').map(runOf));
  return events
    .filter((e) => e.type === 'task.attempt-ended' || e.type === 'task.ended')
    .filter(({ data }) => data['outcome'] === 'lease_expired' && data['duration_ms'] === undefined)
    .map(runOf)
    .filter((run) => begun.has(run) && !recorded.has(run))
    .map((run) => `the late report of ${run} is not on record`);
}

/** What was accepted and can be done has been done, whatever went wrong meanwhile. */
export function successFlaws(mustSucceed: readonly Submission[], events: readonly JournalEvent[]): string[] {
  const ends = new Map(
    events.filter((e) => e.type === 'task.ended').map((e) => [String(e.data['task_id']), e.data]),
  );
  return mustSucceed.flatMap(({ name, taskIds, tries }) => {
    if (!tries.some((t) => t.outcome === 'accepted')) return [];
    const end = ends.get(taskIds[0] ?? '');
    return end?.['end'] === 'succeeded'
      ? []
      : [`${name} (${taskIds[0]}) did not succeed: ${JSON.stringify(end)}`];
  });
}

/** How the tasks ended, for the record that a test prints. */
export function endsCount(events: readonly JournalEvent[]): Record<string, number> {
  const ends = events.filter((e) => e.type === 'task.ended').map((e) => String(e.data['end']));
  const rejected = events.filter((e) => e.type === 'task.rejected').map(() => 'rejected');
  return Object.fromEntries(countBy([...ends, ...rejected], (end) => end));
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
