import { type FactOf, isoOrNull } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { type ScheduleEntity } from './entity.js';

export const schedulesView: View = {
  want({ fact }, rows) {
    switch (fact.type) {
      case 'schedule.created':
      case 'schedule.updated':
      case 'schedule.suspended':
      case 'schedule.deleted':
      case 'schedule.fired':
        rows.schedules.want(fact.tenantId, fact.data.schedule_id);
        return;
      default:
    }
  },

  fold({ fact, time }, rows) {
    switch (fact.type) {
      case 'schedule.created':
        return created(fact, time, rows);
      case 'schedule.updated': {
        const { name, spec, generation } = fact.data;
        return changed(fact, time, rows, { name, spec, generation, next_at: nextOf(fact.data) });
      }
      case 'schedule.suspended': {
        const { suspended } = fact.data;
        return changed(fact, time, rows, { suspended, next_at: nextOf(fact.data) });
      }
      case 'schedule.fired':
        return fired(fact, time, rows);
      case 'schedule.deleted':
        rows.schedules.delete(fact.tenantId, fact.data.schedule_id);
        return;
      default:
    }
  },
};

function created(fact: FactOf<'schedule.created'>, time: string, rows: ViewRows): void {
  const { schedule_id: id, name, generation, spec } = fact.data;
  rows.schedules.put({
    tenant_id: fact.tenantId,
    id,
    name,
    generation,
    resource_version: 1,
    created_at: time,
    updated_at: time,
    spec,
    suspended: false,
    next_at: nextOf(fact.data),
    last_due_at: null,
    last_task_id: null,
    last_skipped: null,
    fired: 0,
    skipped: 0,
    missed: 0,
  });
}

function fired(fact: FactOf<'schedule.fired'>, time: string, rows: ViewRows): void {
  const schedule = rows.schedules.get(fact.tenantId, fact.data.schedule_id);
  if (!schedule) return;
  const { due_ms, task_id, skipped, missed } = fact.data;
  changed(fact, time, rows, {
    last_due_at: isoOrNull(due_ms),
    last_task_id: task_id ?? schedule.last_task_id,
    last_skipped: skipped ?? null,
    fired: schedule.fired + (task_id === undefined ? 0 : 1),
    skipped: schedule.skipped + (skipped === undefined ? 0 : 1),
    missed: schedule.missed + missed,
    next_at: nextOf(fact.data),
  });
}

function changed(
  fact: { readonly tenantId: string; readonly data: { readonly schedule_id: string } },
  time: string,
  rows: ViewRows,
  change: Partial<ScheduleEntity>,
): void {
  const schedule = rows.schedules.get(fact.tenantId, fact.data.schedule_id);
  if (!schedule) return;
  const resource_version = schedule.resource_version + 1;
  rows.schedules.put({ ...schedule, ...change, resource_version, updated_at: time });
}

function nextOf({ next_ms }: { readonly next_ms?: number }): string | null {
  return next_ms === undefined ? null : isoOrNull(next_ms);
}
