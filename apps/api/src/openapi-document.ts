import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { AcceptedAnswer, ProblemDetails } from './http/openapi.js';

const description = [
  'Declares states of machines and runs tasks on them.',
  'Writes answer 202 with a `token` once they cannot be lost; give it as `min_position` to a read to see',
  'what was written, and ask `/v1/commands/{id}` what became of it. Errors are problem details (RFC 9457).',
].join(' ');

/** Made from the same declarations that validate requests. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const base = new DocumentBuilder()
    .setTitle('FluxForge')
    .setDescription(description)
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, `ffk_...`.' })
    .addSecurityRequirements('bearer')
    .build();
  return SwaggerModule.createDocument(app, base, { extraModels: [ProblemDetails, AcceptedAnswer] });
}
