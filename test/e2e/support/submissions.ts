import { type Answer, type Rest } from './rest.js';

/** `not-written`: the API was not reached, or said that surely nothing was written. */
export type Outcome = 'accepted' | 'unknown' | 'not-written';

export interface Try {
  readonly outcome: Outcome;
  readonly status: number | null;
  /** Null when no answer told it. */
  readonly commandId: string | null;
}

/** One thing that a user wants run, with everything that was done to get it in. */
export interface Submission {
  /** Unique: it finds the task in the log when no answer named an id. */
  readonly name: string;
  readonly key: string | null;
  readonly tries: Try[];
  /** Ids that answers named; more than one is a broken promise. */
  readonly taskIds: string[];
}

/** Submits tasks and keeps book of what was answered. */
export class Submitter {
  readonly submissions: Submission[] = [];
  inFlight = 0;
  private next = 0;

  constructor(
    private readonly rest: Rest,
    private readonly prefix: string,
  ) {}

  begin(keyed: boolean): Submission {
    this.next += 1;
    const name = `${this.prefix}-${this.next}`;
    const submission = { name, key: keyed ? `key-${name}` : null, tries: [], taskIds: [] };
    this.submissions.push(submission);
    return submission;
  }

  /** One try. Without a key nothing may be tried again after an unknown outcome. */
  async send(submission: Submission, body: object, deadlineMs = 30_000): Promise<Try> {
    const { name, key } = submission;
    this.inFlight += 1;
    const answer = await this.rest.send('POST', '/v1/tasks', {
      body: { name, ...body },
      headers: key === null ? {} : { 'idempotency-key': key },
      deadlineMs,
    });
    this.inFlight -= 1;
    const made = tryOf(answer);
    submission.tries.push(made);
    const id = answer.kind === 'answered' ? answer.body['id'] : undefined;
    if (typeof id === 'string' && !submission.taskIds.includes(id)) submission.taskIds.push(id);
    return made;
  }

  /**
   * Until it is acknowledged, when that can be asked for: keyed always, else only after surely nothing. `again`
   * makes a pause and tells whether to go on.
   */
  async insist(submission: Submission, body: object, again: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const { outcome } = await this.send(submission, body);
      if (outcome === 'accepted' || (outcome === 'unknown' && submission.key === null)) return;
      if (!(await again())) return;
    }
  }
}

export function tryOf(answer: Answer): Try {
  if (answer.kind !== 'answered')
    return { outcome: answer.kind === 'refused' ? 'not-written' : 'unknown', status: null, commandId: null };
  const { status, body } = answer;
  const commandId = typeof body['command_id'] === 'string' ? body['command_id'] : null;
  if (status === 202) return { outcome: 'accepted', status, commandId };
  if (status === 503) return { outcome: 'not-written', status, commandId };
  if (status === 504) return { outcome: 'unknown', status, commandId };
  throw new Error(`a submission was answered ${status}: ${answer.text}`);
}
