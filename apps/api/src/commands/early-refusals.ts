import { type ContextName } from '@fluxforge/events/catalogue';
import { type LogPort } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import { type ReadModels } from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { type ProblemError } from '../http/index.js';
import { type Reads } from '../reads/index.js';

const offsetsDeadlineMs = 1_000;

/**
 * Refusals that the owner would give anyway, given sooner. A read model runs behind, and what it lacks may
 * be on its way: so it is believed only when it covers every command of the partition. In every other
 * case, as when Postgres or Kafka does not answer, there is no early refusal and the owner decides.
 */
export class EarlyRefusals {
  constructor(
    private readonly reads: Reads,
    private readonly log: LogPort,
    private readonly topics: Topics,
  ) {}

  /** `find` answers the problem that the read models show, or null. @throws ProblemError */
  async refuse(
    caller: Caller,
    context: ContextName,
    find: (models: ReadModels, tenantId: string) => Promise<ProblemError | null>,
  ): Promise<void> {
    const seen = () => this.reads.hint((models) => find(models, caller.tenantId));
    if ((await seen()) === null) return;
    if (!(await this.coversAll(caller, context))) return;
    // Asked again, since what was seen first may be older than what is covered now.
    const problem = await seen();
    if (problem) throw problem;
  }

  private async coversAll(caller: Caller, context: ContextName): Promise<boolean> {
    const end = await this.endOf(caller, context);
    if (end === null) return false;
    const covered = await this.reads.hint((models) => models.covered(context, caller.partition));
    return covered !== null && covered >= end;
  }

  private async endOf(caller: Caller, context: ContextName): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), offsetsDeadlineMs);
    });
    const tp = { topic: this.topics.commands[context], partition: caller.partition };
    const end = this.log.offsets(tp).then(
      (offsets) => offsets.end,
      () => null,
    );
    return Promise.race([end, late]).finally(() => clearTimeout(timer));
  }
}
