import { agentQueries } from '../agents/queries.js';
import { commandQueries } from '../commands/queries.js';
import { eventQueries } from '../events/queries.js';
import { outputQueries } from '../output/queries.js';
import { Coverage } from '../positions/coverage.js';
import { fanoutQueries } from '../fanouts/queries.js';
import { scheduleQueries } from '../schedules/queries.js';
import { stateQueries } from '../states/queries.js';
import { taskQueries } from '../tasks/queries.js';
import { tenantQueries } from '../tenants/queries.js';
import { Database } from './database.js';
import { type ReadModels } from './read-models.js';

export interface ReadModelsOptions {
  readonly url: string;
  readonly poolSize?: number;
  /** Also for a free connection of the pool: a query waits no longer than this before it begins. */
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
}

const defaults = { poolSize: 8, connectTimeoutMs: 2_000, statementTimeoutMs: 3_000 };

/** Answers at once and connects with the first question, so that Postgres may come up later. */
export function openReadModels(options: ReadModelsOptions): ReadModels {
  const database = new Database({ ...defaults, ...options });
  const coverage = new Coverage(database);
  return {
    states: stateQueries(database),
    tasks: taskQueries(database),
    agents: agentQueries(database),
    schedules: scheduleQueries(database),
    fanouts: fanoutQueries(database),
    commands: commandQueries(database),
    events: eventQueries(database),
    output: outputQueries(database),
    tenants: tenantQueries(database),
    covered: (context, partition) => coverage.covered(context, partition),
    waitCovered: (token, deadlineMs) => coverage.wait(token, deadlineMs),
    available: () =>
      database
        .run((source) => source.query('SELECT 1'))
        .then(
          () => true,
          () => false,
        ),
    close: () => database.close(),
  };
}
