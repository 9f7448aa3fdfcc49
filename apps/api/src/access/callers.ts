import { type Role } from '@fluxforge/events/catalogue';
import { type Caller, type Directory } from '../directory/index.js';
import { ProblemError } from '../http/index.js';
import { sha256Hex } from '../identifiers/index.js';

const rank: Readonly<Record<Role, number>> = { reader: 0, writer: 1, admin: 2 };
const keyForm = /^[Bb]earer (ffk_[A-Za-z0-9_-]{8,128})$/;

/** Whose key it is; null: nobody's. */
export function tenantWith(directory: Directory, authorization: string | undefined): string | null {
  return holderOf(directory, authorization)?.tenantId ?? null;
}

function holderOf(directory: Directory, authorization: string | undefined): Caller | null {
  const key = keyForm.exec(authorization ?? '')?.[1];
  return key === undefined ? null : directory.callerOf(sha256Hex(key));
}

/**
 * Whose key it is, and that it may do this: one answer for every way in.
 * @throws ProblemError
 */
export function callerWith(directory: Directory, authorization: string | undefined, needed: Role): Caller {
  const caller = holderOf(directory, authorization);
  if (!caller)
    throw new ProblemError('unauthenticated', 'Send a valid key as "Authorization: Bearer ffk_...".');
  if (rank[caller.role] < rank[needed]) {
    throw new ProblemError('forbidden', `This needs a key of role ${needed}.`);
  }
  return caller;
}
