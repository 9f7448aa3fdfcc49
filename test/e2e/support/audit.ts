import { header, parseBody, parseVersionedType } from '@fluxforge/events/envelope';
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
import { caughtUp, endFlaws, listFlaws, outputFlaws, readModelFlaws } from './read-model-checks.js';
import { readAll, readJournal, type JournalEvent } from './journal.js';
import { type Submission } from './submissions.js';
import { type TestSystem } from './system.js';
import { type Witness } from './witness.js';

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
  await caughtUp(system);
  const unlisted = await listFlaws(system, submissions);
  const unclean = await system.stop(() => caughtUp(system));
  const journal = await readJournal(system.log, system.topics, system.partitions);
  const events = journal.flatMap((partition) => partition.events);
  const testifying = new Set(submissions.flatMap((submission) => submission.taskIds));
  const flaws = [
    ...unlisted,
    ...unclean,
    ...system.leftovers().map((pid) => `process ${pid} is left`),
    ...journalFlaws(journal),
    ...queueFlaws(submissions, await loggedCommands(system), events),
    ...taskFlaws(events.filter((event) => event.context === 'tasks')),
    ...witnessFlaws(witness.read(), events, testifying, instances),
    ...successFlaws(mustSucceed, events),
    ...(await readModelFlaws(system)),
    ...(await endFlaws(system, events)),
    ...(await outputFlaws(system.infra.postgresUrl)),
  ];
  const skipped: Record<string, number> = {};
  for (const partition of journal)
    for (const [reason, count] of Object.entries(partition.skipped))
      skipped[reason] = (skipped[reason] ?? 0) + count;
  const claims = journal.reduce((sum, partition) => sum + partition.claims.length, 0);
  return { flaws, ends: endsCount(events), events, claims, skipped };
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
