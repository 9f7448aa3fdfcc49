import { type Database } from '../queries/database.js';
import { type ReadModels } from '../queries/read-models.js';
import { CommandEntity } from './entity.js';

export function commandQueries(database: Database): ReadModels['commands'] {
  return {
    get: (tenantId, commandId) =>
      database.run(async (source) => {
        const found = await source
          .getRepository(CommandEntity)
          .findOneBy({ tenant_id: tenantId, command_id: commandId });
        if (!found) return null;
        const { tenant_id: _tenant, ...row } = found;
        return row;
      }),
  };
}
