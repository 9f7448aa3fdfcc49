import { type MigrationInterface, type QueryRunner } from 'typeorm';

/** Rows arrive in the order of their time, so a few pages of summary find the old ones, and inserts pay little. */
export class OutputByAge1700000000001 implements MigrationInterface {
  readonly name = 'OutputByAge1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX "output_by_age" ON "output" USING brin ("at")`);
  }

  async down(): Promise<void> {
    throw new Error('There is no way back: views are made anew from the log instead.');
  }
}
