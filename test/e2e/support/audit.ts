import { header, parseBody, parseVersionedType } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import {
  migrate,
  projectEvents,
  projectedEventOf,
  ProjectionStore,
  type ProjectedEvent,
} from '@fluxforge/read-models';
import { tableDigests } from '@fluxforge/testing/postgres';
import { Client } from 'pg';
import {
  endsCount,
  journalFlaws,
  queueFlaws,
  successFlaws,
  taskFlaws,
  witnessFlaws,
  type LoggedCommand,
} from './checks.js';
import { eventually } from './eventually.js';
import { readAll, readJournal, type JournalEvent } from './journal.js';
import { type Submission } from './submissions.js';
import { type TestSystem } from './system.js';
import { type Witness } from './witness.js';

/** Tables that are folds of the log; those fed by telemetry stand outside. */
const foldedTables = [
  'tenants',
  'api_keys',
  'agents',
  'tasks',
  'attempts',
  'states',
  'targets',
  'commands',
  'events',
];

export interface AuditInput {
  readonly submissions: readonly Submission[];
  readonly witness: Witness;
  /** Of the submissions, those whose tasks can only end well. */
  readonly mustSucceed?: readonly Submission[];
}

export interface Audit {
  readonly flaws: readonly string[];
  readonly ends: Readonly<Record<string, number>>;
  readonly events: readonly JournalEvent[];
  readonly claims: number;
  readonly skipped: Readonly<Record<string, number>>;
}

/** Waits until every task in the log has ended, and the states are as declared. */
export async function drained(
  system: TestSystem,
  states: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const unended = (): string[] =>
    system.journal
      .all('task.queued')
      .map((event) => String(event.data['task_id']))
      .filter((id) => !system.journal.end(id));
  await eventually(
    () => `all tasks end; open: ${unended().join(', ')}`,
    () => unended().length === 0,
    deadlineMs,
  );
  for (const state of states) await compliant(system, state, deadlineMs);
}

/** The state holds everywhere, at its current generation, as the read model shows it. */
export async function compliant(system: TestSystem, stateId: string, deadlineMs: number): Promise<void> {
  let last: unknown;
  await eventually(
    () => `state ${stateId} is compliant: ${JSON.stringify(last)}`,
    async () => {
      const state = await system.rest.get(`/v1/states/${stateId}`);
      const status = state['status'] as { observed_generation: number; targets: Record<string, number> };
      last = status;
      const { total, compliant: good } = status.targets;
      return (
        status.observed_generation === state['generation'] &&
        total !== undefined &&
        total > 0 &&
        good === total
      );
    },
    deadlineMs,
    200,
  );
}

/** Stops the system, and holds everything that it left behind against what was promised. */
export async function stopAndAudit(
  system: TestSystem,
  { submissions, witness, mustSucceed = [] }: AuditInput,
): Promise<Audit> {
  const instances = new Map(
    [...system.agents.keys()].map((name) => {
      const { agentId, instance } = system.identity(name);
      return [agentId, instance] as const;
    }),
  );
  const unclean = await system.stop(() => caughtUp(system));
  const journal = await readJournal(system.log, system.topics, system.partitions);
  const events = journal.flatMap((partition) => partition.events);
  const testifying = new Set(submissions.flatMap((submission) => submission.taskIds));
  const flaws = [
    ...unclean,
    ...system.leftovers().map((pid) => `process ${pid} is left`),
    ...journalFlaws(journal),
    ...queueFlaws(submissions, await loggedCommands(system), events),
    ...taskFlaws(events.filter((event) => event.context === 'tasks')),
    ...witnessFlaws(witness.read(), events, testifying, instances),
    ...successFlaws(mustSucceed, events),
    ...(await readModelFlaws(system)),
    ...(await endFlaws(system, events)),
  ];
  const skipped: Record<string, number> = {};
  for (const partition of journal)
    for (const [reason, count] of Object.entries(partition.skipped))
      skipped[reason] = (skipped[reason] ?? 0) + count;
  const claims = journal.reduce((sum, partition) => sum + partition.claims.length, 0);
  return { flaws, ends: endsCount(events), events, claims, skipped };
}

/** The projector has taken in all that the events topics hold. */
export async function caughtUp(system: TestSystem, deadlineMs = 60_000): Promise<void> {
  const behind = async (): Promise<string[]> => {
    const stored = await positions(system.infra.postgresUrl);
    const found: string[] = [];
    for (const context of ['tasks', 'states'] as const)
      for (let partition = 0; partition < system.partitions; partition += 1) {
        const { end } = await system.log.offsets({ topic: system.topics.events[context], partition });
        const next = stored.get(`${context}/${partition}`) ?? 0;
        if (next < end) found.push(`${context}/${partition} at ${next} of ${end}`);
      }
    return found;
  };
  let last: string[] = [];
  await eventually(
    () => `the projector catches up: ${last.join(', ')}`,
    async () => {
      last = await behind();
      return last.length === 0;
    },
    deadlineMs,
  );
}

async function positions(url: string): Promise<Map<string, number>> {
  const rows = await query<{ context: string; partition: string; next: string }>(
    url,
    `SELECT context, partition, next FROM positions WHERE projection = 'views'`,
  );
  return new Map(rows.map((row) => [`${row.context}/${row.partition}`, Number(row.next)]));
}

/** The commands that the tenant's partition holds. */
export async function loggedCommands(system: TestSystem): Promise<LoggedCommand[]> {
  const records = await readAll(system.log, system.topics.commands.tasks, system.partition);
  return records.flatMap(({ headers, value }) => {
    const commandId = headers[header.id];
    if (!commandId || headers['e2e_poison']) return [];
    const type = parseVersionedType(headers[header.type] ?? '')?.type ?? '';
    const data = parseBody(value) as { task_id?: string; spec?: { name?: string } };
    return [{ commandId, type, taskId: data.task_id ?? null, name: data.spec?.name ?? null }];
  });
}

/** The read models, made again from the log in an empty database by the production fold, are the same. */
async function readModelFlaws(system: TestSystem): Promise<string[]> {
  const database = await system.infra.emptyDatabase();
  try {
    await migrate({ url: database.url });
    await rebuild(system, database.url);
    const [made, anew] = await Promise.all(
      [system.infra.postgresUrl, database.url].map((url) => tableDigests(url, foldedTables)),
    );
    return foldedTables
      .filter((table) => made?.[table] !== anew?.[table])
      .map((table) => `${table} is not the fold of the log: ${made?.[table]}, anew ${anew?.[table]}`);
  } finally {
    await database.drop();
  }
}

/** Independent of the fold: the end of each task as the log has it is the one that Postgres shows. */
async function endFlaws(system: TestSystem, events: readonly JournalEvent[]): Promise<string[]> {
  const rows = await query<{ id: string; end: string | null }>(
    system.infra.postgresUrl,
    'SELECT id, "end" FROM tasks',
  );
  const shown = new Map(rows.map((row) => [row.id, row.end]));
  return events.flatMap(({ type, data }) => {
    if (type !== 'task.ended' && type !== 'task.rejected') return [];
    const id = String(data['task_id']);
    const end = type === 'task.rejected' ? 'rejected' : data['end'];
    return shown.get(id) === end ? [] : [`${id} ended as ${String(end)}, shown is ${String(shown.get(id))}`];
  });
}

async function rebuild(system: TestSystem, url: string): Promise<void> {
  const store = new ProjectionStore({ url, poolSize: 1 });
  try {
    for (const context of ['tasks', 'states'] as const)
      for (let partition = 0; partition < system.partitions; partition += 1) {
        const key = { projection: 'views', context, partition };
        const standing = { position: startOfLog, coversCommands: 0 };
        await store.begin(key, standing);
        const events = await projected(system, context, partition);
        await store.commit(key, 0, { ...standing, position: { ...startOfLog, next: 1 } }, (sql) =>
          projectEvents(events, sql),
        );
      }
  } finally {
    await store.close();
  }
}

async function projected(
  system: TestSystem,
  context: 'tasks' | 'states',
  partition: number,
): Promise<ProjectedEvent[]> {
  const reader = new JournalReader(startOfLog);
  const records = await readAll(system.log, system.topics.events[context], partition);
  return records.flatMap((record) => {
    const { kind } = reader.read(record);
    if (kind !== 'accepted' && kind !== 'claim') return [];
    return [projectedEventOf(record, { context, partition, hash: reader.position.hash })];
  });
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}
