import { validated } from '../fields/index.js';
import { PositionQuery } from '../reads/index.js';

/*
 * Messages as they come off the wire: `proto/` is their schema, what was left out is absent, and nothing of what
 * the fields mean has been looked at. They have the field names of the REST bodies, so these are what they become.
 */

export interface PositionMessage {
  readonly min_position?: string;
  readonly wait_ms?: number;
}

export interface PageMessage {
  readonly limit?: number;
  readonly cursor?: string;
}

export interface ReadMessage {
  readonly id?: string;
  readonly position?: PositionMessage;
}

export interface ListMessage {
  readonly page?: PageMessage;
  readonly position?: PositionMessage;
}

export interface CommandMessage {
  readonly shell?: string;
  readonly argv?: { readonly args?: readonly string[] };
}

/** What the query of a REST list would say: the text of each parameter, and no parameter for what is absent. */
export function queryOf({ page, position, ...filter }: ListMessage): Record<string, unknown> {
  return texts({ ...page, ...position, ...filter });
}

/** @throws ProblemError: it has the bounds that it has over REST */
export function positionOf(message: ReadMessage): PositionQuery {
  return validated(PositionQuery, texts({ ...message.position }), { code: 'invalid_parameter' });
}

function texts(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    said.map(([name, value]) => [name, typeof value === 'number' ? `${value}` : value]),
  );
}

/** The body that a spec stands for; `commands` are its fields that hold one. */
export function bodyOf(
  spec: Readonly<Record<string, unknown>> | undefined,
  commands: readonly string[],
): Record<string, unknown> {
  const body: Record<string, unknown> = { ...spec };
  for (const name of commands) {
    if (body[name] === undefined) continue;
    const { shell, argv } = body[name] as CommandMessage;
    body[name] = shell ?? argv?.args ?? [];
  }
  return body;
}

/** A REST view as a message: what was declared apart, and commands in their two forms. */
export function specOf(
  declared: Readonly<Record<string, unknown>>,
  commands: readonly string[],
): Record<string, unknown> {
  const spec: Record<string, unknown> = { ...declared };
  for (const name of commands) {
    const command = spec[name];
    if (typeof command === 'string') spec[name] = { shell: command };
    if (Array.isArray(command)) spec[name] = { argv: { args: command } };
  }
  return spec;
}
