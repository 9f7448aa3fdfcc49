import { type DataSource } from 'typeorm';
import { type MissingOutput } from '../queries/read-models.js';
import { AttemptEntity } from '../tasks/entity.js';
import { OutputEntity } from './entity.js';

interface RunKey {
  readonly tenantId: string;
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
}

/**
 * What a run printed by the result that is in the log, less what has come of it. An agent that is killed after it
 * reported takes along what it had not sent; nobody else could mark that.
 */
export async function missingOf(source: DataSource, run: RunKey): Promise<MissingOutput | null> {
  const { tenantId: tenant_id, taskId: task_id, life, attempt } = run;
  const where = { tenant_id, task_id, life, attempt };
  const ended = await source.getRepository(AttemptEntity).findOne({ where });
  if (!ended?.output) return null;
  const { stdout_bytes, stderr_bytes } = ended.output;
  if (stdout_bytes + stderr_bytes === 0) return null;
  const came = await source
    .createQueryBuilder(OutputEntity, 'o')
    .select('o.stream', 'stream')
    .addSelect('sum(octet_length(o.data) + o.gap_bytes)', 'bytes')
    .where(where)
    .groupBy('o.stream')
    .getRawMany<{ stream: string; bytes: string }>();
  const bytesOf = (name: string): number => Number(came.find(({ stream }) => stream === name)?.bytes ?? 0);
  const missing = {
    stdout_bytes: Math.max(0, stdout_bytes - bytesOf('stdout')),
    stderr_bytes: Math.max(0, stderr_bytes - bytesOf('stderr')),
  };
  return missing.stdout_bytes + missing.stderr_bytes > 0 ? missing : null;
}
