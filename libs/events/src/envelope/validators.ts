import { type TSchema } from '@sinclair/typebox';
import { TypeCompiler, type TypeCheck } from '@sinclair/typebox/compiler';
import {
  journalEvents,
  statesCommands,
  statesEvents,
  tasksCommands,
  tasksEvents,
  type CommandType,
  type EventType,
} from '@fluxforge/events/catalogue';

const compiled = new Map<TSchema, TypeCheck<TSchema>>();

/** The compiled check of a schema; compiling takes about a millisecond, so it is done once, at first use. */
export function checkerOf<T extends TSchema>(schema: T): TypeCheck<T> {
  const known = compiled.get(schema) as TypeCheck<T> | undefined;
  if (known) return known;
  const check = TypeCompiler.Compile(schema);
  compiled.set(schema, check);
  return check;
}

const eventSchemas = new Map<string, TSchema>(
  Object.entries({ ...tasksEvents, ...statesEvents, ...journalEvents }),
);
const commandSchemas = new Map<string, TSchema>(Object.entries({ ...tasksCommands, ...statesCommands }));

export function isEventType(type: string): type is EventType {
  return eventSchemas.has(type);
}

export function isCommandType(type: string): type is CommandType {
  return commandSchemas.has(type);
}

/** The first thing that is wrong with `data`, or null. */
export function flawOfEvent(type: EventType, data: unknown): string | null {
  return flaw(eventSchemas.get(type), data);
}

export function flawOfCommand(type: CommandType, data: unknown): string | null {
  return flaw(commandSchemas.get(type), data);
}

function flaw(schema: TSchema | undefined, data: unknown): string | null {
  if (!schema) return 'unknown type';
  const check = checkerOf(schema);
  if (check.Check(data)) return null;
  const first = check.Errors(data).First();
  return first ? `${first.path || '/'}: ${first.message}` : 'does not fit its schema';
}
