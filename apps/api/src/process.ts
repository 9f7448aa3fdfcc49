import { type AddressInfo } from 'node:net';
import { type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type ApiConfig } from '@fluxforge/config';
import { type Cache } from '@fluxforge/cache';
import { type LogPort } from '@fluxforge/events/log';
import { type ReadModels } from '@fluxforge/read-models';
import { type Logger, type Metrics } from '@fluxforge/telemetry';
import { createApi } from './create-api.js';
import { serveGrpc } from './grpc/index.js';
import { OutputServer, OutputSink } from './output-streams/index.js';
import { assemble, type ApiParts } from './parts.js';

interface Tools {
  readonly log: LogPort;
  readonly models: ReadModels;
  /** Null, or absent: none is shared with other processes. */
  readonly cache?: Cache | null;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What is added to the application before it listens: the documentation pages. */
  readonly extend?: (app: NestFastifyApplication) => void;
}

const writeTimeoutMs = 5_000;
const answerDeadlineMs = 8_000;
const outputTimeoutMs = 10_000;
const retryMs = 500;
const modelsCheckMs = 2_000;

/**
 * The API as a process: loading (the whole directory is read; the log may still be coming up) -> serving
 * -> stopping. It serves nobody before it knows every key.
 */
export class ApiProcess {
  private readonly parts: ApiParts;
  private readonly output: OutputServer;
  private app: NestFastifyApplication | null = null;
  private modelsTimer: NodeJS.Timeout | null = null;
  private stopping = false;

  constructor(
    private readonly config: ApiConfig,
    private readonly tools: Tools,
  ) {
    const { log, models, logger, metrics } = tools;
    const { topicPrefix, partitions } = config.kafka;
    const base = { log, models, logger, metrics, nowMs: Date.now, signingKey: config.signingKey };
    const { operatorTenant, apiServers, maxLagRecords, writesAtOnce } = config;
    this.parts = assemble({
      ...base,
      operatorTenant,
      cache: tools.cache ?? null,
      apiServers,
      maxLagRecords,
      writesAtOnce,
      topicPrefix,
      partitions,
      writeTimeoutMs,
      answerDeadlineMs,
    });
    const sink = new OutputSink(log, this.parts.topics.logs, partitions, outputTimeoutMs);
    const options = { signingKey: config.signingKey, nowMs: Date.now };
    this.output = new OutputServer(sink, options, logger, metrics);
  }

  /** Addresses, once it serves. */
  async start(): Promise<Readonly<Record<string, unknown>>> {
    await this.loadDirectory();
    const { grpcAddress, httpAddress, usersGrpcAddress } = this.config;
    const grpcPort = await this.output.listen(grpcAddress);
    this.parts.outputAddress.address = `${grpcAddress.host}:${grpcPort}`;
    this.app = await createApi(this.parts);
    this.tools.extend?.(this.app);
    if (usersGrpcAddress) await serveGrpc(this.app, usersGrpcAddress);
    await this.app.listen(httpAddress.port, httpAddress.host);
    this.watchModels();
    const { port } = this.app.getHttpServer().address() as AddressInfo;
    return {
      http: `${httpAddress.host}:${port}`,
      grpc: this.parts.outputAddress.address,
      ...(usersGrpcAddress && { users_grpc: `${usersGrpcAddress.host}:${usersGrpcAddress.port}` }),
    };
  }

  async stop(): Promise<void> {
    this.stopping = true;
    if (this.modelsTimer) clearInterval(this.modelsTimer);
    // Requests and streams first: what they wait for must still be there.
    await Promise.all([this.app?.close(), this.output.close()]);
    await this.parts.answers.close();
    await this.parts.follower.close();
    await Promise.all([this.tools.models.close(), this.tools.log.close(), this.tools.cache?.close()]);
  }

  /** The log, or its topics, may not be there yet when everything is started at once. */
  private async loadDirectory(): Promise<void> {
    const { follower, readiness } = this.parts;
    for (let tries = 1; !this.stopping; tries++) {
      try {
        await follower.start(this.config.kafka.partitions);
        await follower.loaded;
        readiness.set('directory', 'ok');
        return;
      } catch (error: unknown) {
        if (tries % 10 === 1) this.tools.logger.warn({ err: error }, 'the directory cannot be read yet');
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    throw new Error('stopped before the directory was read');
  }

  /** Without read models the API still takes writes: degraded, not down. */
  private watchModels(): void {
    const look = async () => {
      const available = await this.tools.models.available();
      this.parts.readiness.set('read_models', available ? 'ok' : 'degraded');
    };
    void look();
    this.modelsTimer = setInterval(() => void look(), modelsCheckMs);
    this.modelsTimer.unref();
  }
}
