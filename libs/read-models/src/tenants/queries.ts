import { type Database } from '../queries/database.js';
import { type ReadModels } from '../queries/read-models.js';
import { ApiKeyEntity, TenantEntity } from './entity.js';

/** More keys than a tenant can have. */
const maxKeys = 1_000;

export function tenantQueries(database: Database): ReadModels['tenants'] {
  return {
    get: (tenantId) =>
      database.run(async (source) => {
        const tenant = await source.getRepository(TenantEntity).findOneBy({ tenant_id: tenantId });
        if (!tenant) return null;
        const keys = await source.getRepository(ApiKeyEntity).find({
          where: { tenant_id: tenantId },
          order: { created_at: 'ASC', key_id: 'ASC' },
          take: maxKeys,
        });
        const { tenant_id: id, ...row } = tenant;
        return { ...row, id, labels: {}, keys: keys.map(({ tenant_id: _tenant, ...key }) => key) };
      }),
  };
}
