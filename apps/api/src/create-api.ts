import { NestFactory } from '@nestjs/core';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from '@fastify/helmet';
import { ApiModule } from './api.module.js';
import { tenantWith } from './access/index.js';
import { httpAdapter, prepareHttp } from './http/server.js';
import { type ApiParts } from './parts.js';
import { takeTurns } from './turns/index.js';

/** The HTTP application over its parts, initialised and not yet listening. */
export async function createApi(parts: ApiParts): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.of(parts), httpAdapter(), {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  prepareHttp(app, parts.metrics);
  takeTurns(app.getHttpAdapter().getInstance(), parts.turns, (key) => tenantWith(parts.directory, key));
  await app.register(helmet, {
    // Only the documentation has pages; for the rest its headers would be built and sent for nobody.
    global: false,
    // It speaks plain HTTP: whoever ends TLS in front of it says so.
    hsts: false,
    contentSecurityPolicy: {
      directives: { styleSrc: ["'self'", "'unsafe-inline'"], upgradeInsecureRequests: null },
    },
  });
  return app;
}
