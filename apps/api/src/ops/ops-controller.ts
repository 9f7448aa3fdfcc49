import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Metrics, Readiness } from '@fluxforge/telemetry';
import { type FastifyReply } from 'fastify';
import { Open } from '../access/index.js';

/** What balancers and scrapers ask. Nothing of tenants is in it. */
@ApiExcludeController()
@Open()
@Controller()
export class OpsController {
  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  @Get('healthz')
  health() {
    return { status: 'ok' };
  }

  @Get('readyz')
  ready(@Res({ passthrough: true }) reply: FastifyReply) {
    void reply.status(this.readiness.ready ? 200 : 503);
    return this.readiness.report();
  }

  @Get('metrics')
  async scrape(@Res({ passthrough: true }) reply: FastifyReply) {
    void reply.header('content-type', this.metrics.contentType);
    return this.metrics.scrape();
  }
}
