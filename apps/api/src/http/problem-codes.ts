import { type RefusalCode } from '@fluxforge/events/catalogue';

/**
 * The closed list of what the API can answer instead of a result. Codes are only added. `docs/problems.md`
 * is held against this list by a test.
 */
interface Problem {
  readonly status: number;
  readonly title: string;
  readonly meaning: string;
  /** Whether the same request may succeed later; such answers carry Retry-After. */
  readonly retry?: true;
}

const list = {
  malformed_body: {
    status: 400,
    title: 'The body cannot be read',
    meaning:
      'Not JSON, not an object, nested deeper than 32, of more than 4,096 members, or with a key that is never allowed.',
  },
  validation_failed: {
    status: 400,
    title: 'A field is not valid',
    meaning: '`errors` names each field and what is wrong with it.',
  },
  invalid_parameter: {
    status: 400,
    title: 'A parameter is not valid',
    meaning: 'Of the path, the query or the headers; `errors` names it.',
  },
  malformed_request: {
    status: 400,
    title: 'The request cannot be read',
    meaning: 'The HTTP request itself is broken.',
  },
  unauthenticated: {
    status: 401,
    title: 'No valid API key',
    meaning: 'The bearer key is missing, unknown or revoked. All three have this one answer.',
  },
  forbidden: {
    status: 403,
    title: 'The key may not do this',
    meaning: 'A reader may only read; agents, join tokens and keys are for admins.',
  },
  token_invalid: {
    status: 403,
    title: 'The join token is not valid',
    meaning: 'Unknown, used already, or expired. All three have this one answer.',
  },
  not_found: {
    status: 404,
    title: 'There is no such resource',
    meaning: 'The id is unknown, or belongs to someone else: the answer is the same.',
  },
  no_such_route: {
    status: 404,
    title: 'There is no such route',
    meaning: 'The path or the method is wrong.',
  },
  already_exists: { status: 409, title: 'It exists already', meaning: 'The name is taken.' },
  conflict: {
    status: 409,
    title: 'It cannot be done in this state',
    meaning: 'The resource is in a state that does not allow it, a task that has ended for instance.',
  },
  gone: { status: 410, title: 'It is gone', meaning: 'It was there and has been removed.' },
  precondition_failed: {
    status: 412,
    title: 'It has changed in between',
    meaning: '`If-Match` names another version than the current one.',
  },
  body_too_large: {
    status: 413,
    title: 'The request is too large',
    meaning: 'Bodies may have 1 MiB, and what they come to in the log 256 KiB.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not understood',
    meaning: 'Bodies are `application/json`.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key names another submission',
    meaning: 'The same key was used with another body within its window.',
  },
  invalid: {
    status: 422,
    title: 'It was refused',
    meaning: 'The owner of the partition refused it; `detail` says why.',
  },
  history_too_long: {
    status: 422,
    title: 'Too much of the log lies before that time',
    meaning:
      'No snapshot is kept that is near enough before it. `detail` says how many records one answer may have read.',
  },
  quota_exceeded: {
    status: 429,
    title: 'A limit of the tenant is reached',
    meaning: '`detail` names the limit, and `limit` when the API refused it: then nothing was written.',
    retry: true,
  },
  lag_limited: {
    status: 429,
    title: 'Too many commands of the tenant wait to be decided',
    meaning: 'Its partition, of tasks or of states, lags by more than its share. Nothing was written.',
    retry: true,
  },
  internal: { status: 500, title: 'An error of the server', meaning: 'A bug; the log has the request id.' },
  overloaded: {
    status: 503,
    title: 'Too much is under way',
    meaning: 'Surely nothing was written.',
    retry: true,
  },
  log_unavailable: {
    status: 503,
    title: 'The log cannot be reached',
    meaning: 'Surely nothing was written.',
    retry: true,
  },
  reads_unavailable: {
    status: 503,
    title: 'The read models cannot be reached',
    meaning: 'Writes are still accepted.',
    retry: true,
  },
  not_yet_visible: {
    status: 503,
    title: 'The read model has not come that far',
    meaning: 'What `min_position` names is not yet in the read model; the write itself is safe.',
    retry: true,
  },
  no_dispatcher: {
    status: 503,
    title: 'No dispatcher leads this partition now',
    meaning: 'Between two owners; a moment later there is one.',
    retry: true,
  },
  mode_degraded: {
    status: 503,
    title: 'Only urgent work is let in now',
    meaning: 'The tenant or its partition is degraded: priorities 0 to 2 are let in. Nothing was written.',
    retry: true,
  },
  mode_read_only: {
    status: 503,
    title: 'Nothing new is let in now',
    meaning: 'The tenant or its partition is read-only; what is queued goes on. Nothing was written.',
    retry: true,
  },
  mode_draining: {
    status: 503,
    title: 'Nothing new is let in or started now',
    meaning: 'The tenant or its partition is draining; what runs finishes. Nothing was written.',
    retry: true,
  },
  owner_unavailable: {
    status: 503,
    title: 'The owner of the partition does not answer',
    meaning: 'Only the process that decides can say why; it is away, or the partition is moving.',
    retry: true,
  },
  answer_pending: {
    status: 504,
    title: 'The answer has not come in time',
    meaning: 'The command was accepted and will be decided; `command_id` says what to ask for.',
    retry: true,
  },
  outcome_unknown: {
    status: 504,
    title: 'It is not known whether it was written',
    meaning:
      'It may be in the log now, later or never. Ask for `command_id` or `id`, or repeat with the same Idempotency-Key.',
  },
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof list;
export const problems: Readonly<Record<ProblemCode, Problem>> = list;
export const problemCodes = Object.keys(list) as readonly ProblemCode[];

/** What the owner of a partition answers has the same names here: the compiler sees to it. */
export const problemOfRefusal: Readonly<Record<RefusalCode, ProblemCode>> = {
  not_found: 'not_found',
  already_exists: 'already_exists',
  conflict: 'conflict',
  idempotency_key_reused: 'idempotency_key_reused',
  precondition_failed: 'precondition_failed',
  quota_exceeded: 'quota_exceeded',
  invalid: 'invalid',
  token_invalid: 'token_invalid',
  gone: 'gone',
  forbidden: 'forbidden',
};

/** What can be wrong with one field. */
export const fieldCodes = {
  required: 'It is missing.',
  unknown_field: 'There is no such field.',
  wrong_type: 'It is of another type.',
  bad_format: 'It does not follow its syntax.',
  too_long: 'It has too many characters, bytes or elements.',
  too_short: 'It has too few.',
  out_of_range: 'It is below the lowest or above the highest value.',
  not_allowed: 'It is not one of the values there are.',
  contains_nul: 'It contains a NUL character.',
  inconsistent: 'It does not fit another field.',
} as const;
export type FieldCode = keyof typeof fieldCodes;
