import { type FanoutMemberEnd } from '@fluxforge/events/catalogue';
import { memberEnd } from '@fluxforge/domain/fanout';
import { type FactOf } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { type TaskPhase } from '../tasks/row.js';

type Place = 'queued' | 'running' | FanoutMemberEnd;

/** Counts members from place to place. It reads where a task was, so it comes before the tasks view. */
export const fanoutProgressView: View = {
  want({ fact }, rows) {
    switch (fact.type) {
      case 'fanout.started':
      case 'fanout.ended':
        rows.fanoutProgress.want(fact.tenantId, fact.data.fanout_id);
        return;
      case 'task.queued':
      case 'task.rejected': {
        const fanoutId = fact.data.batch?.fanout_id;
        if (fanoutId !== undefined) rows.fanoutProgress.want(fact.tenantId, fanoutId);
        return;
      }
      default:
    }
  },

  wantRelated(rows) {
    for (const { tenant_id, fanout_id } of rows.tasks.all()) {
      if (fanout_id !== null) rows.fanoutProgress.want(tenant_id, fanout_id);
    }
  },

  fold({ fact }, rows) {
    switch (fact.type) {
      case 'fanout.started': {
        const key = { tenant_id: fact.tenantId, fanout_id: fact.data.fanout_id };
        rows.fanoutProgress.put({ ...key, ...nothing });
        return;
      }
      // From here on its own event says it.
      case 'fanout.ended':
        rows.fanoutProgress.delete(fact.tenantId, fact.data.fanout_id);
        return;
      case 'task.queued':
        return opened(fact, 'queued', rows);
      case 'task.rejected':
        return opened(fact, 'failed', rows);
      case 'task.leased':
        return moved(fact, 'running', rows);
      case 'task.attempt-ended':
        return moved(fact, 'queued', rows);
      case 'task.ended':
        return moved(fact, memberEnd(fact.data.end, fact.data.attempts_used), rows);
      default:
    }
  },
};

const nothing = { queued: 0, running: 0, succeeded: 0, failed: 0, not_started: 0, unknown: 0 } as const;

/** Of a member whose task has ended nothing follows but the end of the fan-out. */
const placeOf: Readonly<Record<TaskPhase, Place | null>> = {
  queued: 'queued',
  leased: 'running',
  running: 'running',
  ended: null,
};

function opened(fact: FactOf<'task.queued'> | FactOf<'task.rejected'>, to: Place, rows: ViewRows): void {
  const { task_id, life, batch } = fact.data;
  const before = rows.tasks.get(fact.tenantId, task_id);
  if (before && before.generation >= life) return;
  count(rows, [fact.tenantId, batch?.fanout_id ?? ''], null, to);
}

function moved(
  fact: FactOf<'task.leased'> | FactOf<'task.attempt-ended'> | FactOf<'task.ended'>,
  to: Place,
  rows: ViewRows,
): void {
  const task = rows.tasks.get(fact.tenantId, fact.data.task_id);
  if (!task || task.generation !== fact.data.life || task.fanout_id === null) return;
  count(rows, [fact.tenantId, task.fanout_id], placeOf[task.phase], to);
}

/** A fan-out of before there were counts has no row: it is not counted from the middle on. */
function count(rows: ViewRows, key: readonly [string, string], from: Place | null, to: Place): void {
  const progress = rows.fanoutProgress.get(...key);
  if (!progress) return;
  const next = { ...progress };
  if (from) next[from] -= 1;
  next[to] += 1;
  rows.fanoutProgress.put(next);
}
