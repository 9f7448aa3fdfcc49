import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { fromJSON } from '@grpc/proto-loader';
import { type HostPort } from '@fluxforge/config';
import { descriptor } from './generated/descriptor.js';

const maxMessageBytes = 1024 * 1024;

/** proto/, with field names as over REST and whole numbers as numbers; what was left out stays absent. */
export const packageDefinition = fromJSON(descriptor, {
  keepCase: true,
  longs: Number,
  enums: String,
});

/** Serves proto/ beside REST, in the same process and over the same parts. */
export async function serveGrpc(app: NestFastifyApplication, { host, port }: HostPort): Promise<void> {
  app.connectMicroservice<MicroserviceOptions>({
    transport: Transport.GRPC,
    options: {
      package: 'fluxforge.v1',
      packageDefinition,
      url: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      maxReceiveMessageLength: maxMessageBytes,
      gracefulShutdown: true,
    },
  });
  await app.startAllMicroservices();
}
