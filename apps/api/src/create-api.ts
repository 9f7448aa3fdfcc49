import { NestFactory } from '@nestjs/core';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from '@fastify/helmet';
import { ApiModule } from './api.module.js';
import { httpAdapter, prepareHttp } from './http/server.js';
import { type ApiParts } from './parts.js';

/** The HTTP application over its parts, initialised and not yet listening. */
export async function createApi(parts: ApiParts): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.of(parts), httpAdapter(), {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  prepareHttp(app, parts.metrics);
  await app.register(helmet, {
    contentSecurityPolicy: { directives: { styleSrc: ["'self'", "'unsafe-inline'"] } },
  });
  return app;
}
