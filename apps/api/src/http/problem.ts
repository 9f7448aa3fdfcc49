import { problems, type FieldCode, type ProblemCode } from './problem-codes.js';

export interface FieldError {
  readonly field: string;
  readonly code: FieldCode;
  readonly message: string;
}

export interface ProblemExtras {
  readonly errors?: readonly FieldError[];
  /** The command, and the resource, that a later question or repeat is about. */
  readonly command_id?: string;
  readonly id?: string;
  readonly token?: string;
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
    options?: { cause?: unknown },
  ) {
    super(`${code}: ${detail}`, options);
    this.name = 'ProblemError';
  }

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
