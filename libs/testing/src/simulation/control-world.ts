import { type ReconcilerMessage } from '@fluxforge/domain/reconciling';
import { type StatesContext, type StatesEffect } from '@fluxforge/domain/states-context';
import { type TasksEffect, type TasksMessage, type TasksState } from '@fluxforge/domain/tasks-context';
import {
  type ContextName,
  type JournalEventBody,
  type StatesEventBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { type HostUnit, type UnitWorld } from './host-unit.js';
import { type PlacementGroup } from './placement-group.js';
import { type Prng } from './prng.js';
import { type Scenario } from './scenario.js';
import { type Telemetry } from './telemetry.js';
import { type Witness } from './witness.js';

/** What a control process finds around itself. */
export interface ControlWorld extends UnitWorld {
  readonly scenario: Scenario;
  readonly groups: Readonly<Record<ContextName, PlacementGroup>>;
  readonly telemetry: Telemetry;
  readonly witness: Witness;
  readonly counters: Counters;
  readonly ids: Prng;
}

export type TasksUnit = HostUnit<
  TasksState,
  TasksMessage,
  TasksEffect,
  TasksEventBody | JournalEventBody,
  StatesEventBody
>;

export type StatesUnit = HostUnit<
  ReturnType<StatesContext['initial']>,
  ReconcilerMessage,
  StatesEffect,
  StatesEventBody | JournalEventBody,
  TasksEventBody
>;

/** The process, as its streams see it. */
export interface StreamsOwner {
  readonly tasks: ReadonlyMap<number, TasksUnit>;
  holds(context: ContextName, partition: number): boolean;
  addressOf(tenantId: string): string;
  nowMs(): number;
}
