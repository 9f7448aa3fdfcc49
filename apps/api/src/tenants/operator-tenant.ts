import { ProblemError } from '../http/index.js';
import { type Caller, type Directory } from '../directory/index.js';

/** Whose admins may change what concerns every tenant. Named in the configuration; without it nobody may. */
export class OperatorTenant {
  constructor(
    private readonly directory: Directory,
    private readonly name: string | null,
  ) {}

  get isNamed(): boolean {
    return this.name !== null;
  }

  is({ tenantId }: Pick<Caller, 'tenantId'>): boolean {
    return this.name !== null && this.directory.tenant(tenantId)?.name === this.name;
  }

  /** @throws ProblemError */
  insist(caller: Caller): void {
    if (this.is(caller)) return;
    throw new ProblemError('forbidden', 'This is for the operator of the whole cluster.');
  }
}
