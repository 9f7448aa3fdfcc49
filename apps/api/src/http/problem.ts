import { problems, type FieldCode, type ProblemCode } from './problem-codes.js';

export interface FieldError {
  readonly field: string;
  readonly code: FieldCode;
  readonly message: string;
}

/** The limits that a server refuses commands by itself for. */
export const shedLimits = [
  'submissions_per_s',
  'max_queued_tasks',
  'partition_lag',
  'waiting_writes',
] as const;
export type ShedLimit = (typeof shedLimits)[number];

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  /** The command, and the resource, that a later question or repeat is about. */
  readonly command_id?: string;
  readonly id?: string;
  readonly token?: string;
  readonly limit?: ShedLimit;
}

export interface ProblemBody extends ProblemExtras {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

export const problemContentType = 'application/problem+json';
export const retryAfterSeconds = 1;

/** An answer that is no result. Thrown anywhere below a controller; one filter turns it into the response. */
export class ProblemError extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly extras: ProblemExtras = {},
    options: { cause?: unknown; retryAfterS?: number } = {},
  ) {
    super(`${code}: ${detail}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'ProblemError';
    this.retryAfterS = options.retryAfterS ?? retryAfterSeconds;
  }

  /** Whole seconds, for codes that may be tried again. */
  readonly retryAfterS: number;

  get status(): number {
    return problems[this.code].status;
  }
}

export function problemBody(problem: ProblemError): ProblemBody {
  const { status, title } = problems[problem.code];
  return {
    type: `urn:fluxforge:problem:${problem.code}`,
    title,
    status,
    code: problem.code,
    detail: problem.detail,
    ...problem.extras,
  };
}

/** One and the same for what is unknown, foreign or not yet there: nothing tells them apart. */
export function notFound(): ProblemError {
  return new ProblemError('not_found', 'There is no such resource.');
}
