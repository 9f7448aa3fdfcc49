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
import { eventually } from './eventually.js';
import { readAll, type JournalEvent } from './journal.js';
import { type Submission } from './submissions.js';
import { type TestSystem } from './system.js';

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

/** The projector has taken in all that the events topics hold, and the output. */
export async function caughtUp(system: TestSystem, deadlineMs = 60_000): Promise<void> {
  const { events, logs } = system.topics;
  const sources = { 'views/tasks': events.tasks, 'views/states': events.states, 'output/logs': logs };
  let last: string[] = [];
  const behind = async (): Promise<string[]> => {
    const stored = await positions(system.infra.postgresUrl);
    const found: string[] = [];
    for (const [name, topic] of Object.entries(sources))
      for (let partition = 0; partition < system.partitions; partition += 1) {
        const { end } = await system.log.offsets({ topic, partition });
        const next = stored.get(`${name}/${partition}`) ?? 0;
        if (next < end) found.push(`${name}/${partition} at ${next} of ${end}`);
      }
    return found;
  };
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
  const rows = await query<{ name: string; next: string }>(
    url,
    `SELECT projection || '/' || context || '/' || partition AS name, next FROM positions`,
  );
  return new Map(rows.map((row) => [row.name, Number(row.next)]));
}

/** Each task that was ever acknowledged is on the pages of the list, once. */
export async function listFlaws(system: TestSystem, submissions: readonly Submission[]): Promise<string[]> {
  const items = await system.rest.all('/v1/tasks?limit=100');
  const listed = new Map<string, number>();
  for (const { id } of items) listed.set(String(id), (listed.get(String(id)) ?? 0) + 1);
  const lost = submissions
    .filter(({ tries }) => tries.some((t) => t.outcome === 'accepted'))
    .flatMap(({ taskIds }) => taskIds.filter((id) => !listed.has(id)));
  return [
    ...lost.map((id) => `${id} is not in the list of tasks`),
    ...[...listed].filter(([, times]) => times > 1).map(([id, times]) => `${id} is listed ${times} times`),
  ];
}

/** The read models, made again from the log in an empty database by the production fold, are the same. */
export async function readModelFlaws(system: TestSystem): Promise<string[]> {
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
export async function endFlaws(system: TestSystem, events: readonly JournalEvent[]): Promise<string[]> {
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

/**
 * Pieces of output come without a jump, and what the agent says it has printed is there, or marked as missing.
 * A run whose agent was killed has no end of its output; nothing can be said of it.
 */
export async function outputFlaws(url: string): Promise<string[]> {
  const rows = await query<Record<'run' | 'pieces' | 'next' | 'bytes' | 'total', string | null>>(
    url,
    `SELECT task_id || '#' || attempt || ' ' || stream AS run, count(*) AS pieces, max(seq) + 1 AS next,
       sum(octet_length(data) + gap_bytes) AS bytes, max((eof->>'total_bytes')::bigint) AS total
     FROM output GROUP BY task_id, life, attempt, stream`,
  );
  return rows.flatMap(({ run, pieces, next, bytes, total }) => {
    if (pieces !== next) return [`output of ${run}: ${pieces} pieces, the last is ${Number(next) - 1}`];
    return total === null || total === bytes ? [] : [`output of ${run}: ${bytes} of ${total} bytes`];
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
