import { type MigrationInterface, type QueryRunner } from 'typeorm';

/**
 * Older snapshots stay: how far apart two of them are is told by what they cover of both logs, and versions with other
 * shapes may each have one at the same place.
 */
export class SnapshotHistory1700000000005 implements MigrationInterface {
  readonly name = 'SnapshotHistory1700000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "snapshots" ADD COLUMN "covers_foreign" bigint,
      DROP CONSTRAINT "snapshots_pkey",
      ADD PRIMARY KEY ("context", "partition", "next", "shape", "chunk")`);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
