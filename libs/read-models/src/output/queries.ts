import { type DataSource } from 'typeorm';
import { type Database } from '../queries/database.js';
import { decodeCursor, encodeCursor, pageSize } from '../queries/paging.js';
import { type OutputPage, type ReadModels } from '../queries/read-models.js';
import { AttemptEntity } from '../tasks/entity.js';
import { OutputEntity } from './entity.js';
import { missingOf } from './missing.js';
import { type OutputRequest, type OutputRow } from './row.js';

/** A piece has at most 192 KiB, so a page at most 24 MiB. */
const maxOutputPage = 128;

interface Run {
  readonly life: number;
  readonly attempt: number;
}

export function outputQueries(database: Database): ReadModels['output'] {
  return {
    read: (tenantId, taskId, request = {}) =>
      database.run(async (source) => {
        const list = `output-${request.stream ?? 'both'}`;
        const after = request.cursor
          ? (decodeCursor(list, request.cursor, ['number', 'number', 'number']) as number[])
          : null;
        // A cursor stays with the run that it was given for, also when a later attempt has begun.
        const run = after
          ? { life: after[0]!, attempt: after[1]! }
          : await runOf(source, tenantId, taskId, request);
        if (!run) return { items: [], next_cursor: null, resume_cursor: null, missing: null };
        return pageOfRun(source, { tenantId, taskId, run, request, list, after: after?.[2] ?? -1 });
      }),
  };
}

async function runOf(
  source: DataSource,
  tenantId: string,
  taskId: string,
  request: OutputRequest,
): Promise<Run | null> {
  const { life, attempt } = request;
  if (life !== undefined && attempt !== undefined) return { life, attempt };
  const where = {
    tenant_id: tenantId,
    task_id: taskId,
    ...(life === undefined ? {} : { life }),
    ...(attempt === undefined ? {} : { attempt }),
  };
  const order = { life: 'DESC', attempt: 'DESC' } as const;
  const key = { tenant_id: true, task_id: true, life: true, attempt: true } as const;
  const [found, told] = await Promise.all([
    source.getRepository(OutputEntity).findOne({ select: { ...key, stream: true, seq: true }, where, order }),
    printed(source, where),
  ]);
  return later(found, told);
}

/** The latest run that says that it printed something, whether any of it has come or not. */
function printed(source: DataSource, where: Readonly<Record<string, unknown>>): Promise<Run | null> {
  return source
    .createQueryBuilder(AttemptEntity, 'a')
    .select(['a.tenant_id', 'a.task_id', 'a.life', 'a.attempt'])
    .where(where)
    .andWhere(`(a.output->>'stdout_bytes')::bigint + (a.output->>'stderr_bytes')::bigint > 0`)
    .orderBy({ 'a.life': 'DESC', 'a.attempt': 'DESC' })
    .limit(1)
    .getOne();
}

function later(one: Run | null, other: Run | null): Run | null {
  const run = one && other ? (isLater(other, one) ? other : one) : (one ?? other);
  return run && { life: run.life, attempt: run.attempt };
}

function isLater(run: Run, than: Run): boolean {
  return run.life > than.life || (run.life === than.life && run.attempt > than.attempt);
}

interface PageOfRun {
  readonly tenantId: string;
  readonly taskId: string;
  readonly run: Run;
  readonly request: OutputRequest;
  readonly list: string;
  readonly after: number;
}

async function pageOfRun(source: DataSource, of: PageOfRun): Promise<OutputPage> {
  const { tenantId, taskId, run, request, list, after } = of;
  const order = request.stream ? 'seq' : 'arrival';
  const limit = pageSize(request.limit, maxOutputPage);
  const query = source
    .createQueryBuilder(OutputEntity, 't')
    .where('t.tenant_id = :tenantId AND t.task_id = :taskId', { tenantId, taskId })
    .andWhere('t.life = :life AND t.attempt = :attempt', { life: run.life, attempt: run.attempt })
    .andWhere(`t.${order} > :after`, { after });
  if (request.stream) query.andWhere('t.stream = :stream', { stream: request.stream });
  const found = await query
    .orderBy(`t.${order}`)
    .limit(limit + 1)
    .getMany();
  const items = found.slice(0, limit);
  const resume = encodeCursor(list, [run.life, run.attempt, items.at(-1)?.[order] ?? after]);
  const isLast = found.length <= limit;
  return {
    items: items.map(outputRow),
    next_cursor: isLast ? null : resume,
    resume_cursor: resume,
    missing: isLast ? await missingOf(source, { tenantId, taskId, ...run }) : null,
  };
}

function outputRow(chunk: OutputEntity): OutputRow {
  const { task_id, life, attempt, stream, seq, data, gap_bytes, eof } = chunk;
  return { task_id, life, attempt, stream, seq, data, gap_bytes, eof };
}
