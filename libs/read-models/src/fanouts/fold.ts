import { type FactOf } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';
import { type FanoutEntity } from './entity.js';

export const fanoutsView: View = {
  want({ fact }, rows) {
    switch (fact.type) {
      case 'fanout.started':
      case 'fanout.rejected':
      case 'fanout.cancelled':
      case 'fanout.ended':
        rows.fanouts.want(fact.tenantId, fact.data.fanout_id);
        return;
      default:
    }
  },

  fold({ fact, time }, rows) {
    switch (fact.type) {
      case 'fanout.started':
      case 'fanout.rejected':
        return opened(fact, time, rows);
      case 'fanout.cancelled':
        return changed(fact, time, rows, {
          phase: 'cancelling',
          reason: 'fanout_cancelled',
          message: fact.data.message ?? '',
        });
      case 'fanout.ended': {
        const { reason, succeeded, failed, not_started, unknown, members } = fact.data;
        const counts = { succeeded, failed, not_started, unknown };
        const end = { phase: 'ended', reason, counts, unsuccessful: members, ended_at: time } as const;
        return changed(fact, time, rows, end);
      }
      default:
    }
  },
};

function opened(
  fact: FactOf<'fanout.started'> | FactOf<'fanout.rejected'>,
  time: string,
  rows: ViewRows,
): void {
  const id = fact.data.fanout_id;
  const before = rows.fanouts.get(fact.tenantId, id);
  const base = {
    tenant_id: fact.tenantId,
    id,
    resource_version: (before?.resource_version ?? 0) + 1,
    created_at: time,
    updated_at: time,
    counts: null,
    unsuccessful: [],
  };
  if (fact.type === 'fanout.started') {
    const { spec, members, retry_of = null } = fact.data;
    const running = { phase: 'running', reason: '', message: '', ended_at: null } as const;
    rows.fanouts.put({ ...base, ...running, spec, size: members.length, members, retry_of });
    return;
  }
  const { reason, message } = fact.data;
  const over = { phase: 'rejected', ended_at: time, spec: null, retry_of: null } as const;
  rows.fanouts.put({ ...base, ...over, size: 0, members: [], reason, message });
}

function changed(
  fact: FactOf<'fanout.cancelled'> | FactOf<'fanout.ended'>,
  time: string,
  rows: ViewRows,
  change: Partial<FanoutEntity>,
): void {
  const fanout = rows.fanouts.get(fact.tenantId, fact.data.fanout_id);
  if (!fanout) return;
  const resource_version = fanout.resource_version + 1;
  rows.fanouts.put({ ...fanout, ...change, resource_version, updated_at: time });
}
