import { type ProjectedEvent } from '../projection/projected-event.js';
import { type View, type ViewRows } from '../projection/view-rows.js';

export const tenantsView: View = {
  want({ fact }, rows) {
    if (fact.type === 'tenant.created' || fact.type === 'tenant.limits-set') rows.tenants.want(fact.tenantId);
    if (fact.type === 'tenant.key-revoked') rows.apiKeys.want(fact.tenantId, fact.data.key_id);
  },

  fold(event, rows) {
    const { fact, time } = event;
    switch (fact.type) {
      case 'tenant.created':
        return created(event, rows);
      case 'tenant.limits-set': {
        const tenant = rows.tenants.get(fact.tenantId);
        if (!tenant) return;
        rows.tenants.put({
          ...tenant,
          limits: fact.data.limits,
          generation: tenant.generation + 1,
          resource_version: tenant.resource_version + 1,
          updated_at: time,
        });
        return;
      }
      case 'tenant.key-added': {
        const { key_id, role, label } = fact.data;
        rows.apiKeys.put({
          tenant_id: fact.tenantId,
          key_id,
          role,
          label,
          created_at: time,
          revoked_at: null,
        });
        return;
      }
      case 'tenant.key-revoked':
        rows.apiKeys.patch([fact.tenantId, fact.data.key_id], { revoked_at: time });
        return;
      default:
    }
  },
};

function created({ fact, time }: ProjectedEvent, rows: ViewRows): void {
  if (fact.type !== 'tenant.created' || rows.tenants.get(fact.tenantId)) return;
  rows.tenants.put({
    tenant_id: fact.tenantId,
    name: fact.data.name,
    generation: 1,
    resource_version: 1,
    created_at: time,
    updated_at: time,
    limits: fact.data.limits,
  });
}
