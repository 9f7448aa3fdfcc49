import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { delay } from './eventually.js';
import { type Random } from './random.js';
import { Submitter, type Submission } from './submissions.js';
import { type TestSystem } from './system.js';
import { type Witness } from './witness.js';

export interface WorkloadOptions {
  /** Submissions side by side, each with a pause of up to `pauseMs` behind it. */
  readonly workers: number;
  readonly pauseMs: number;
  readonly maxTaskSeconds: number;
  readonly states: number;
}

/**
 * What users do, steadily, while other things go wrong: submit, submit again under the same key, cancel;
 * and states whose files somebody deletes. Everything is drawn from the seed; everything is booked.
 */
export class Workload {
  readonly submitter: Submitter;
  readonly stateIds: string[] = [];
  /** Tasks that nobody cancelled and whose command exits with 0. */
  readonly mustSucceed: Submission[] = [];
  private readonly files: string;
  private running: Promise<unknown> | null = null;
  private over = false;

  constructor(
    private readonly system: TestSystem,
    private readonly witness: Witness,
    private readonly random: Random,
    private readonly options: WorkloadOptions,
  ) {
    this.submitter = new Submitter(system.rest, 'work');
    this.files = join(system.folder, 'files');
    mkdirSync(this.files, { recursive: true });
  }

  /** Declares the states; from then on the work goes on until `stop`. */
  async start(): Promise<void> {
    for (let i = 1; i <= this.options.states; i += 1) this.stateIds.push(await this.declare(i));
    const workers = Array.from({ length: this.options.workers }, () => this.work());
    this.running = Promise.all([...workers, this.drift()]);
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  /** The test has failed: nobody cares any more, and nothing must be left running. */
  abandon(): void {
    this.over = true;
    this.running?.catch(() => undefined);
  }

  private async declare(i: number): Promise<string> {
    const file = this.file(i);
    const body = {
      name: `file-${i}`,
      check_cmd: `test -e ${file}`,
      apply_cmd: `sleep 0.3; echo managed > ${file}`,
      selector: `role=files-${i}`,
      interval: '2s',
      max_concurrency: '100%',
      max_failures: '100%',
      attempts: 50,
      backoff: { base: '500ms', max: '2s' },
      env: this.system.mark,
    };
    const { id } = await this.system.rest.write('POST', '/v1/states', { body });
    return id;
  }

  /** Ends with the work as well: what is not accepted by then never will be. */
  private async beforeNextTry(): Promise<boolean> {
    await delay(200);
    return !this.over;
  }

  private file(i: number): string {
    return join(this.files, `managed-${i}`);
  }

  private async work(): Promise<void> {
    while (!this.over) {
      const fails = this.random.chance(0.05);
      const body = this.task(fails);
      const submission = this.submitter.begin(this.random.chance(0.6));
      await this.submitter.insist(submission, body, () => this.beforeNextTry());
      // A user that did not hear the answer, or forgot it, sends the same again.
      if (submission.key !== null && this.random.chance(0.25)) await this.submitter.send(submission, body);
      if (this.random.chance(0.08)) await this.cancel(submission);
      else if (!fails) this.mustSucceed.push(submission);
      await delay(this.random.between(0, this.options.pauseMs));
    }
  }

  private task(fails: boolean): object {
    const seconds = this.random.next() * this.options.maxTaskSeconds;
    return {
      command: this.witness.command(seconds, fails ? 1 : 0),
      env: this.system.mark,
      max_attempts: fails ? 2 : 20,
      backoff: { base: '200ms', max: '1s' },
      kill_grace: '1s',
      priority: this.random.between(0, 9),
    };
  }

  private async cancel({ taskIds }: Submission): Promise<void> {
    const id = taskIds[0];
    if (id === undefined) return;
    await this.system.rest.send('POST', `/v1/tasks/${id}/cancel`, { body: {} });
  }

  private async drift(): Promise<void> {
    while (!this.over) {
      await delay(this.random.between(1_000, 3_000));
      const file = this.file(this.random.between(1, this.options.states));
      if (existsSync(file)) rmSync(file, { force: true });
    }
  }
}
