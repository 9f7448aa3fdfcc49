import { type Static, type TSchema } from '@sinclair/typebox';
import {
  type ChangeWindow as ChangeWindowSchema,
  type StateSpec as StateSpecSchema,
  type statesCommands,
} from './states-commands.js';
import {
  type Concurrency as ConcurrencySchema,
  type FanoutSpec as FanoutSpecSchema,
  type Limits as LimitsSchema,
  type LimitsChange as LimitsChangeSchema,
  type Requests as RequestsSchema,
  type Resources as ResourcesSchema,
  type ScheduleSpec as ScheduleSpecSchema,
  type TaskSpec as TaskSpecSchema,
  type tasksCommands,
} from './tasks-commands.js';
import { type journalEvents } from './journal-events.js';
import { type statesEvents } from './states-events.js';
import { type Batch as BatchSchema, type Origin as OriginSchema, type tasksEvents } from './tasks-events.js';

export type TaskSpec = Static<typeof TaskSpecSchema>;
export type StateSpec = Static<typeof StateSpecSchema>;
export type Limits = Static<typeof LimitsSchema>;
export type LimitsChange = Static<typeof LimitsChangeSchema>;
export type Origin = Static<typeof OriginSchema>;
export type Batch = Static<typeof BatchSchema>;
export type Resources = Static<typeof ResourcesSchema>;
export type Requests = Static<typeof RequestsSchema>;
export type Concurrency = Static<typeof ConcurrencySchema>;
export type ScheduleSpec = Static<typeof ScheduleSpecSchema>;
export type FanoutSpec = Static<typeof FanoutSpecSchema>;
export type ChangeWindow = Static<typeof ChangeWindowSchema>;

type Typed<Catalogue> = {
  [K in keyof Catalogue & string]: {
    readonly type: K;
    readonly data: Catalogue[K] extends TSchema ? Static<Catalogue[K]> : never;
  };
};

type TasksEventMap = Typed<typeof tasksEvents>;
type StatesEventMap = Typed<typeof statesEvents>;
type JournalEventMap = Typed<typeof journalEvents>;
type TasksCommandMap = Typed<typeof tasksCommands>;
type StatesCommandMap = Typed<typeof statesCommands>;

export type TasksEventBody = TasksEventMap[keyof TasksEventMap];
export type StatesEventBody = StatesEventMap[keyof StatesEventMap];
export type JournalEventBody = JournalEventMap[keyof JournalEventMap];
export type TasksCommandBody = TasksCommandMap[keyof TasksCommandMap];
export type StatesCommandBody = StatesCommandMap[keyof StatesCommandMap];

export type EventBody = TasksEventBody | StatesEventBody | JournalEventBody;
export type CommandBody = TasksCommandBody | StatesCommandBody;
export type EventType = EventBody['type'];
export type CommandType = CommandBody['type'];
export type EventData<T extends EventType> = Extract<EventBody, { type: T }>['data'];
export type CommandData<T extends CommandType> = Extract<CommandBody, { type: T }>['data'];

/** The reserved tenant of what belongs to no one: claims, progress, and the mode of a partition. */
export const systemTenant = 'system';

/** The two contexts; each has its commands topic, its events topic and its one writer per partition. */
export type ContextName = 'tasks' | 'states';

/** Who asked, and what led to it. On every command and every event. */
export interface Provenance {
  /** `key:ID` of a user's API key, `agent:ID`, or `system:PART`. */
  readonly actor: string;
  /** What a person wrote to say why, if anything. */
  readonly reason: string | null;
  /** Id of the record that directly led to this one. */
  readonly causationId: string;
  /** Id of the first record of the chain. */
  readonly correlationId: string;
  readonly traceparent: string | null;
}

/** What a decider gives: one fact, to be appended by the host. `subject` is the entity's id. */
export type Decided<B extends EventBody = EventBody> = B & {
  readonly tenantId: string;
  readonly subject: string;
};

/** A fact as folds see it. `timeMs` is the decision's time, never below that of the event before it. */
export type Fact<B extends EventBody = EventBody> = Decided<B> & {
  readonly id: string;
  readonly timeMs: number;
};

/** A command as deciders see it. */
export type Command<B extends CommandBody = CommandBody> = B & {
  readonly id: string;
  readonly tenantId: string;
  readonly provenance: Provenance;
};
