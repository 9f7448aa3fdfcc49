import { type Answer } from '../support/client.js';

/** What is asked for in a flood. */
export const kinds = ['task', 'cancel', 'state', 'fanout', 'schedule'] as const;
export type Kind = (typeof kinds)[number];

export interface Ask {
  readonly kind: Kind;
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: string;
  /** What is named in the answer can be asked for later. */
  readonly learn: (id: string) => void;
}

/** Of 20: most are submissions, which is what a limit on them leaves through. */
const turns: readonly Kind[] = Array.from({ length: 20 }, (_, n) => {
  if (n % 10 === 3) return 'cancel';
  if (n % 10 === 7) return 'state';
  if (n === 5) return 'fanout';
  return n === 15 ? 'schedule' : 'task';
});

const task = { executor: 'noop' };
/** Beyond these it is written to what is there: their number is not what floods. */
const mostStates = 10;
const mostSchedules = 20;
const keptTasks = 100;
const ignore = (): void => undefined;

interface Named {
  readonly id: string;
  readonly name: string;
}

/** One tenant's requests, one kind after the other. */
export class Mix {
  private turn = 0;
  private writes = 0;
  private readonly tasks: string[] = [];
  private readonly states: Named[] = [];
  private readonly schedules: Named[] = [];

  /** `mark`: in the names of all that it makes. */
  constructor(private readonly mark: string) {}

  next(): Ask {
    switch (turns[this.turn++ % turns.length]) {
      case 'cancel':
        return this.cancel();
      case 'state':
        return this.state();
      case 'fanout':
        return post('fanout', '/v1/fanouts', { selector: '*', max_concurrency: 1, task });
      case 'schedule':
        return this.schedule();
      default:
        return this.submit();
    }
  }

  private submit(): Ask {
    return post('task', '/v1/tasks', task, (id) => {
      this.tasks.push(id);
      if (this.tasks.length > keptTasks) this.tasks.shift();
    });
  }

  private cancel(): Ask {
    const id = this.tasks.pop();
    return id === undefined ? this.submit() : post('cancel', `/v1/tasks/${id}/cancel`, {});
  }

  /** Only labels change, and no agent is meant: it is the writes that flood, not their checks. */
  private state(): Ask {
    const commands = { check_cmd: 'true', apply_cmd: 'true', selector: 'flood=nobody' };
    const body = { ...commands, labels: { change: String(this.writes) } };
    return this.write('state', '/v1/states', body, this.states, mostStates);
  }

  /** Of every minute. */
  private schedule(): Ask {
    return this.write(
      'schedule',
      '/v1/schedules',
      { cron: '* * * * *', task },
      this.schedules,
      mostSchedules,
    );
  }

  /** One more, or another version of one that is there. */
  private write(kind: Kind, path: string, body: object, known: Named[], most: number): Ask {
    this.writes += 1;
    const present = known.length < most ? undefined : known[this.writes % most];
    if (present) {
      const { id, name } = present;
      return { ...post(kind, `${path}/${id}`, { ...body, name }), method: 'PUT' };
    }
    const name = `${this.mark}-${this.writes}`;
    return post(kind, path, { ...body, name }, (id) => {
      if (known.length < most) known.push({ id, name });
    });
  }
}

function post(kind: Kind, path: string, body: unknown, learn: (id: string) => void = ignore): Ask {
  return { kind, method: 'POST', path, body: JSON.stringify(body), learn };
}

/** The id of what an answer made, if it made anything. */
export function idOf({ status, body }: Answer): string | null {
  if (status !== 202 || typeof body !== 'object' || body === null || !('id' in body)) return null;
  return typeof body.id === 'string' ? body.id : null;
}
