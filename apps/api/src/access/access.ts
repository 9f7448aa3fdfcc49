import {
  createParamDecorator,
  Inject,
  Injectable,
  SetMetadata,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';

import { Reflector } from '@nestjs/core';
import { type Role } from '@fluxforge/events/catalogue';
import { type FastifyRequest } from 'fastify';
import { Directory, type Caller } from '../directory/index.js';
import { ProblemError } from '../http/index.js';
import { sha256Hex } from '../identifiers/index.js';

const isOpen = 'fluxforge:open';
const least = 'fluxforge:role';

/** A route that needs no key. Everything else does: a forgotten decorator closes a route, never opens it. */
export const Open = () => SetMetadata(isOpen, true);
/** What the key must at least be allowed; without it, reading needs a reader and everything else a writer. */
export const Needs = (role: Role) => SetMetadata(least, role);

const rank: Readonly<Record<Role, number>> = { reader: 0, writer: 1, admin: 2 };
const keyForm = /^[Bb]earer (ffk_[A-Za-z0-9_-]{8,128})$/;

interface WithCaller extends FastifyRequest {
  caller?: Caller;
}

/** The tenant comes from here and from nowhere else. */
export const From = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<WithCaller>();
  // An open route that asks for a caller is a mistake in the code, and must not answer for anyone.
  if (!caller) throw new ProblemError('unauthenticated', 'A bearer key is needed.');
  return caller;
});

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const places = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(isOpen, places)) return true;
    const request = context.switchToHttp().getRequest<WithCaller>();
    const caller = this.callerOf(request.headers.authorization);
    if (!caller)
      throw new ProblemError('unauthenticated', 'Send a valid key as "Authorization: Bearer ffk_...".');
    const needed =
      this.reflector.getAllAndOverride<Role | undefined>(least, places) ??
      (request.method === 'GET' || request.method === 'HEAD' ? 'reader' : 'writer');
    if (rank[caller.role] < rank[needed]) {
      throw new ProblemError('forbidden', `This needs a key of role ${needed}.`);
    }
    request.caller = caller;
    return true;
  }

  private callerOf(authorization: string | undefined): Caller | null {
    const key = keyForm.exec(authorization ?? '')?.[1];
    return key === undefined ? null : this.directory.callerOf(sha256Hex(key));
  }
}
