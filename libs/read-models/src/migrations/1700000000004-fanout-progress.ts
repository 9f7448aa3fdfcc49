import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** A fan-out that has started before has no counts while it runs, until the views are made anew from the log. */
export class FanoutProgress1700000000004 implements MigrationInterface {
  readonly name = 'FanoutProgress1700000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE "fanout_progress" (
      "tenant_id" text NOT NULL, "fanout_id" text NOT NULL, "queued" bigint NOT NULL,
      "running" bigint NOT NULL, "succeeded" bigint NOT NULL, "failed" bigint NOT NULL,
      "not_started" bigint NOT NULL, "unknown" bigint NOT NULL,
      PRIMARY KEY ("tenant_id", "fanout_id"))`);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
