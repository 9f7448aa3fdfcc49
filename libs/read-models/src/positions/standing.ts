import { type Position, startOfLog } from '@fluxforge/events/journal';

/** Whose position: one projection in one partition of one context or telemetry topic. */
export interface ProjectionKey {
  readonly projection: string;
  /** A context, or a telemetry topic without its prefix. */
  readonly context: string;
  readonly partition: number;
}

/** How far a projection has come: what the rows contain, and which commands they answer. */
export interface Standing {
  readonly position: Position;
  /** First offset of the context's commands that is not covered yet. */
  readonly coversCommands: number;
}

export const atStart: Standing = { position: startOfLog, coversCommands: 0 };

/** The views that are folds of the log, and those that are fed by telemetry. */
export const viewsProjection = 'views';
export const outputProjection = 'output';
export const lastSeenProjection = 'last-seen';
