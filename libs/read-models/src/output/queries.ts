import { type DataSource } from 'typeorm';
import { type Database } from '../queries/database.js';
import { decodeCursor, encodeCursor, pageSize } from '../queries/paging.js';
import { type OutputPage, type ReadModels } from '../queries/read-models.js';
import { OutputEntity } from './entity.js';
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
        if (!run) return { items: [], next_cursor: null, resume_cursor: null };
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
  const found = await source.getRepository(OutputEntity).findOne({
    select: { tenant_id: true, task_id: true, life: true, attempt: true, stream: true, seq: true },
    where: {
      tenant_id: tenantId,
      task_id: taskId,
      ...(life === undefined ? {} : { life }),
      ...(attempt === undefined ? {} : { attempt }),
    },
    order: { life: 'DESC', attempt: 'DESC' },
  });
  return found && { life: found.life, attempt: found.attempt };
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
  return {
    items: items.map(outputRow),
    next_cursor: found.length > limit ? resume : null,
    resume_cursor: resume,
  };
}

function outputRow(chunk: OutputEntity): OutputRow {
  const { task_id, life, attempt, stream, seq, data, gap_bytes, eof } = chunk;
  return { task_id, life, attempt, stream, seq, data, gap_bytes, eof };
}
