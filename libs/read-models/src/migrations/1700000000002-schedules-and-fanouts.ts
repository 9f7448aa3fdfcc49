import { type MigrationInterface, type QueryRunner } from 'typeorm';

const statements = [
  `CREATE TABLE "schedules" (
    "tenant_id" text NOT NULL, "id" text NOT NULL, "name" text NOT NULL, "generation" bigint NOT NULL,
    "resource_version" bigint NOT NULL, "created_at" timestamptz(3) NOT NULL,
    "updated_at" timestamptz(3) NOT NULL, "spec" jsonb NOT NULL, "suspended" boolean NOT NULL,
    "next_at" timestamptz(3), "last_due_at" timestamptz(3), "last_task_id" text, "last_skipped" text,
    "fired" bigint NOT NULL, "skipped" bigint NOT NULL, "missed" bigint NOT NULL,
    PRIMARY KEY ("tenant_id", "id"))`,
  `CREATE INDEX "schedules_by_age" ON "schedules" ("tenant_id", "created_at", "id")`,
  `CREATE TABLE "fanouts" (
    "tenant_id" text NOT NULL, "id" text NOT NULL, "resource_version" bigint NOT NULL,
    "created_at" timestamptz(3) NOT NULL, "updated_at" timestamptz(3) NOT NULL, "spec" jsonb,
    "retry_of" text, "phase" text NOT NULL, "reason" text NOT NULL, "message" text NOT NULL,
    "size" bigint NOT NULL, "members" jsonb NOT NULL, "counts" jsonb, "unsuccessful" jsonb NOT NULL, "ended_at" timestamptz(3),
    PRIMARY KEY ("tenant_id", "id"))`,
  `CREATE INDEX "fanouts_by_age" ON "fanouts" ("tenant_id", "created_at", "id")`,
];

export class SchedulesAndFanouts1700000000002 implements MigrationInterface {
  readonly name = 'SchedulesAndFanouts1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
