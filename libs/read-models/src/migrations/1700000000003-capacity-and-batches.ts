import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Rows of before have nothing in the new columns until the views are made anew from the log. */
const statements = [
  `ALTER TABLE "agents" ADD COLUMN "capacity" jsonb, ADD COLUMN "drain_deadline" timestamptz(3)`,
  `ALTER TABLE "tasks" ADD COLUMN "schedule_id" text, ADD COLUMN "fanout_id" text`,
  `CREATE INDEX "tasks_by_schedule" ON "tasks" ("tenant_id", "schedule_id", "created_at", "id")
    WHERE "schedule_id" IS NOT NULL`,
  `CREATE INDEX "tasks_by_fanout" ON "tasks" ("tenant_id", "fanout_id", "created_at", "id")
    WHERE "fanout_id" IS NOT NULL`,
];

export class CapacityAndBatches1700000000003 implements MigrationInterface {
  readonly name = 'CapacityAndBatches1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
