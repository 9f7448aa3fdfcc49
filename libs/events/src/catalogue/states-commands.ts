import { Type } from '@sinclair/typebox';
import { StateMode, WindowEffect } from './closed-lists.js';
import * as p from './primitives.js';

const closed = { additionalProperties: false };

/**
 * From each time that `cron` names, for `duration_ms`, remediation is allowed or denied. A denial wins; without
 * an `allow` window all times that are not denied are allowed. Checks go on at all times.
 */
export const ChangeWindow = Type.Object(
  {
    effect: WindowEffect,
    cron: p.CronExpression,
    time_zone: p.TimeZone,
    duration_ms: Type.Integer({ minimum: 60_000, maximum: 31 * 24 * 3600 * 1000 }),
  },
  closed,
);

/** A declared state, with its defaults filled in by the API, so that the log holds them. */
export const StateSpec = Type.Object(
  {
    check_cmd: p.CommandLine,
    apply_cmd: Type.Optional(p.CommandLine),
    selector: p.Selector,
    interval_ms: Type.Integer({ minimum: 1000, maximum: 7 * 24 * 3600 * 1000 }),
    check_timeout_ms: Type.Integer({ minimum: 100, maximum: 3600 * 1000 }),
    apply_timeout_ms: Type.Integer({ minimum: 100, maximum: 24 * 3600 * 1000 }),
    ...p.RunAs,
    mode: StateMode,
    /** How many of the state's agents may be remediated at one time. */
    max_concurrency: p.Budget,
    /** When more agents than this have been given up, no further remediation is started. */
    max_failures: p.Budget,
    /** Runs of `apply_cmd` per agent and drift before a person is asked. */
    attempts: Type.Integer({ minimum: 1, maximum: 100 }),
    backoff: p.Backoff,
    priority: Type.Integer({ minimum: 0, maximum: 9 }),
    windows: Type.Optional(Type.Array(ChangeWindow, { maxItems: 16 })),
    /** False: applies of this state may run beside others on one agent. */
    exclusive: Type.Optional(Type.Boolean()),
  },
  closed,
);

const ifVersion = { if_version: Type.Optional(p.Count) };

/** Commands that the states context (reconciler) decides. */
export const statesCommands = {
  'state.declare': Type.Object({ state_id: p.Id, name: p.Name, labels: p.Labels, spec: StateSpec }, closed),
  'state.update': Type.Object(
    { state_id: p.Id, name: p.Name, labels: p.Labels, spec: StateSpec, ...ifVersion },
    closed,
  ),
  'state.delete': Type.Object({ state_id: p.Id, ...ifVersion }, closed),
  'state.suspend': Type.Object({ state_id: p.Id }, closed),
  'state.resume': Type.Object({ state_id: p.Id }, closed),
} as const;
