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
import { callerWith } from './callers.js';

const isOpen = 'fluxforge:open';
const least = 'fluxforge:role';

/** A route that needs no key. Everything else does: a forgotten decorator closes a route, never opens it. */
export const Open = () => SetMetadata(isOpen, true);
/** What the key must at least be allowed; without it, reading needs a reader and everything else a writer. */
export const Needs = (role: Role) => SetMetadata(least, role);

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
    const needed =
      this.reflector.getAllAndOverride<Role | undefined>(least, places) ??
      (request.method === 'GET' || request.method === 'HEAD' ? 'reader' : 'writer');
    request.caller = callerWith(this.directory, request.headers.authorization, needed);
    return true;
  }
}
