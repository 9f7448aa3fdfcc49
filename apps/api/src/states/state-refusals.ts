import { type EarlyRefusals } from '../commands/index.js';
import { type Caller } from '../directory/index.js';
import { notFound, ProblemError } from '../http/index.js';

/** What the read models can tell sooner than the owner, about states. */
export class StateRefusals {
  constructor(private readonly early: EarlyRefusals) {}

  /** @throws ProblemError when there is surely no such state, or surely of another version. */
  ifNot(caller: Caller, stateId: string, version: number | undefined): Promise<void> {
    return this.early.refuse(caller, 'states', async (models, tenant) => {
      const row = await models.states.get(tenant, stateId);
      if (!row) return notFound();
      if (version === undefined || version === row.resource_version) return null;
      return new ProblemError('precondition_failed', `The current version is "${row.resource_version}".`);
    });
  }

  /** @throws ProblemError when another state surely has the name. */
  ifNameTaken(caller: Caller, name: string, ownId: string | null): Promise<void> {
    return this.early.refuse(caller, 'states', async (models, tenant) => {
      const { items } = await models.states.list(tenant, { name, limit: 1 });
      const holder = items[0];
      if (!holder || holder.id === ownId) return null;
      return new ProblemError('already_exists', `The name is taken by ${holder.id}.`, { id: holder.id });
    });
  }
}
