import { type MigrationInterface, type QueryRunner } from 'typeorm';

const statements = [
  `CREATE TABLE "tenants" (
    "tenant_id" text NOT NULL, "name" text NOT NULL, "generation" bigint NOT NULL,
    "resource_version" bigint NOT NULL, "created_at" timestamptz(3) NOT NULL,
    "updated_at" timestamptz(3) NOT NULL, "limits" jsonb NOT NULL,
    PRIMARY KEY ("tenant_id"))`,
  `CREATE TABLE "api_keys" (
    "tenant_id" text NOT NULL, "key_id" text NOT NULL, "role" text NOT NULL, "label" text NOT NULL,
    "created_at" timestamptz(3) NOT NULL, "revoked_at" timestamptz(3),
    PRIMARY KEY ("tenant_id", "key_id"))`,
  `CREATE TABLE "agents" (
    "tenant_id" text NOT NULL, "id" text NOT NULL, "name" text NOT NULL, "labels" jsonb NOT NULL,
    "generation" bigint NOT NULL, "resource_version" bigint NOT NULL,
    "created_at" timestamptz(3) NOT NULL, "updated_at" timestamptz(3) NOT NULL, "slots" bigint NOT NULL,
    "executors" jsonb NOT NULL, "agent_version" text NOT NULL, "phase" text NOT NULL,
    "reason" text NOT NULL, "since" timestamptz(3) NOT NULL, "draining" boolean NOT NULL,
    "drain_set_at" timestamptz(3),
    PRIMARY KEY ("tenant_id", "id"))`,
  `CREATE INDEX "agents_by_age" ON "agents" ("tenant_id", "created_at", "id")`,
  `CREATE TABLE "agent_load" (
    "tenant_id" text NOT NULL, "agent_id" text NOT NULL, "seen_at" timestamptz(3) NOT NULL,
    "cpu_percent" double precision NOT NULL, "ram_used_bytes" bigint NOT NULL,
    "ram_total_bytes" bigint NOT NULL, "slots" bigint NOT NULL, "free_slots" bigint NOT NULL,
    PRIMARY KEY ("tenant_id", "agent_id"))`,
  `CREATE TABLE "tasks" (
    "tenant_id" text NOT NULL, "id" text NOT NULL, "name" text NOT NULL, "labels" jsonb NOT NULL,
    "generation" bigint NOT NULL, "resource_version" bigint NOT NULL,
    "created_at" timestamptz(3) NOT NULL, "updated_at" timestamptz(3) NOT NULL, "kind" text NOT NULL,
    "spec" jsonb, "origin" jsonb, "state_id" text, "phase" text NOT NULL, "end" text,
    "reason" text NOT NULL, "message" text NOT NULL, "attempt" bigint NOT NULL,
    "attempts_used" bigint NOT NULL, "agent_id" text, "cancel_requested" boolean NOT NULL,
    "outcome" text, "exit_code" bigint, "signal" text, "leased_at" timestamptz(3),
    "started_at" timestamptz(3), "ended_at" timestamptz(3), "retry_at" timestamptz(3),
    "duration_ms" bigint, "output" jsonb,
    PRIMARY KEY ("tenant_id", "id"))`,
  `CREATE INDEX "tasks_by_age" ON "tasks" ("tenant_id", "created_at", "id")`,
  `CREATE INDEX "tasks_of_state" ON "tasks" ("tenant_id", "state_id", "created_at", "id")
    WHERE "state_id" IS NOT NULL`,
  `CREATE INDEX "tasks_unfinished" ON "tasks" ("tenant_id", "created_at", "id") WHERE "phase" <> 'ended'`,
  `CREATE TABLE "attempts" (
    "tenant_id" text NOT NULL, "task_id" text NOT NULL, "life" bigint NOT NULL, "attempt" bigint NOT NULL,
    "agent_id" text NOT NULL, "phase" text NOT NULL, "outcome" text, "reason" text NOT NULL,
    "message" text NOT NULL, "exit_code" bigint, "signal" text, "leased_at" timestamptz(3) NOT NULL,
    "started_at" timestamptz(3), "ended_at" timestamptz(3), "duration_ms" bigint, "output" jsonb,
    "decision" jsonb NOT NULL,
    PRIMARY KEY ("tenant_id", "task_id", "life", "attempt"))`,
  `CREATE TABLE "states" (
    "tenant_id" text NOT NULL, "id" text NOT NULL, "name" text NOT NULL, "labels" jsonb NOT NULL,
    "generation" bigint NOT NULL, "resource_version" bigint NOT NULL,
    "created_at" timestamptz(3) NOT NULL, "updated_at" timestamptz(3) NOT NULL, "spec" jsonb NOT NULL,
    "suspended" boolean NOT NULL, "observed_generation" bigint NOT NULL,
    "targets_unknown" bigint NOT NULL, "targets_compliant" bigint NOT NULL,
    "targets_drifted" bigint NOT NULL, "targets_remediating" bigint NOT NULL,
    "targets_given_up" bigint NOT NULL, "targets_current" bigint NOT NULL, "conditions" jsonb NOT NULL,
    PRIMARY KEY ("tenant_id", "id"))`,
  `CREATE INDEX "states_by_age" ON "states" ("tenant_id", "created_at", "id")`,
  `CREATE TABLE "targets" (
    "tenant_id" text NOT NULL, "state_id" text NOT NULL, "agent_id" text NOT NULL,
    "compliance" text NOT NULL, "checked_generation" bigint NOT NULL, "reason" text NOT NULL,
    "attempts" bigint NOT NULL, "task_id" text, "last_drift_at" timestamptz(3),
    "last_compliant_at" timestamptz(3), "retry_at" timestamptz(3), "last_exit_code" bigint,
    "last_output" text, "created_at" timestamptz(3) NOT NULL, "updated_at" timestamptz(3) NOT NULL,
    "conditions" jsonb NOT NULL,
    PRIMARY KEY ("tenant_id", "state_id", "agent_id"))`,
  `CREATE TABLE "commands" (
    "tenant_id" text NOT NULL, "command_id" text NOT NULL, "state" text NOT NULL, "code" text,
    "message" text NOT NULL, "resource_id" text, "event_type" text NOT NULL, "context" text NOT NULL,
    "partition" bigint NOT NULL, "offset" bigint NOT NULL, "decided_at" timestamptz(3) NOT NULL,
    PRIMARY KEY ("tenant_id", "command_id"))`,
  `CREATE TABLE "events" (
    "context" text NOT NULL, "partition" bigint NOT NULL, "offset" bigint NOT NULL,
    "tenant_id" text NOT NULL, "id" text NOT NULL, "type" text NOT NULL, "version" bigint NOT NULL,
    "time" timestamptz(3) NOT NULL, "subject" text NOT NULL, "task_id" text, "state_id" text,
    "agent_id" text, "actor" text NOT NULL, "reason" text, "command_id" text,
    "causation_id" text NOT NULL, "correlation_id" text NOT NULL, "hash" text NOT NULL,
    "data" jsonb NOT NULL,
    PRIMARY KEY ("context", "partition", "offset"))`,
  `CREATE INDEX "events_by_time" ON "events" ("tenant_id", "time", "context", "offset")`,
  `CREATE INDEX "events_of_task" ON "events" ("tenant_id", "task_id", "time", "context", "offset")
    WHERE "task_id" IS NOT NULL`,
  `CREATE INDEX "events_of_state" ON "events" ("tenant_id", "state_id", "time", "context", "offset")
    WHERE "state_id" IS NOT NULL`,
  `CREATE INDEX "events_of_agent" ON "events" ("tenant_id", "agent_id", "time", "context", "offset")
    WHERE "agent_id" IS NOT NULL`,
  `CREATE INDEX "events_of_chain" ON "events" ("tenant_id", "correlation_id", "time", "context", "offset")`,
  `CREATE TABLE "output" (
    "tenant_id" text NOT NULL, "task_id" text NOT NULL, "life" bigint NOT NULL, "attempt" bigint NOT NULL,
    "stream" text NOT NULL, "seq" bigint NOT NULL, "arrival" bigint NOT NULL,
    "at" timestamptz(3) NOT NULL, "agent_id" text NOT NULL, "data" bytea NOT NULL,
    "gap_bytes" bigint NOT NULL, "eof" jsonb,
    PRIMARY KEY ("tenant_id", "task_id", "life", "attempt", "stream", "seq"))`,
  `CREATE INDEX "output_by_arrival" ON "output" ("tenant_id", "task_id", "life", "attempt", "arrival")`,
  `CREATE TABLE "positions" (
    "projection" text NOT NULL, "context" text NOT NULL, "partition" bigint NOT NULL,
    "next" bigint NOT NULL, "epoch" bigint NOT NULL, "term" bigint NOT NULL, "owner" text NOT NULL,
    "seq" bigint NOT NULL, "hash" text NOT NULL, "covers_commands" bigint NOT NULL,
    PRIMARY KEY ("projection", "context", "partition"))`,
  `CREATE TABLE "snapshots" (
    "context" text NOT NULL, "partition" bigint NOT NULL, "next" bigint NOT NULL, "chunk" bigint NOT NULL,
    "chunks" bigint NOT NULL, "position" text NOT NULL, "shape" text NOT NULL, "checksum" text NOT NULL,
    "bytes" bytea NOT NULL,
    PRIMARY KEY ("context", "partition", "next", "chunk"))`,
];

/** Every view as it was first made. Later changes are migrations of their own. */
export class FirstViews1700000000000 implements MigrationInterface {
  readonly name = 'FirstViews1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
