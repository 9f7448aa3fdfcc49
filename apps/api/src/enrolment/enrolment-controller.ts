import { Body, Controller, Get, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { Needs, Open } from '../access/index.js';
import { By, type Origin } from '../commands/index.js';
import { Directory } from '../directory/index.js';
import { BodyOf, OptionalBodyOf, QueryOf } from '../fields/index.js';
import { ProblemError } from '../http/index.js';
import { ApiProblems } from '../http/openapi.js';
import { DispatcherQuery, EnrolBody, JoinTokenBody } from './enrol-body.js';
import { Enrolment } from './enrolment.js';
import { OutputAddress } from './output-address.js';

@ApiTags('joining')
@ApiProblems()
@Controller('v1')
export class EnrolmentController {
  constructor(
    @Inject(Enrolment) private readonly enrolment: Enrolment,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(OutputAddress) private readonly output: OutputAddress,
  ) {}

  @Post('join-tokens')
  @Needs('admin')
  @HttpCode(201)
  @ApiOperation({ summary: 'Makes a join token. It is shown here and never again. 202: not decided yet.' })
  async makeToken(
    @By() origin: Origin,
    @Body(new OptionalBodyOf(JoinTokenBody)) body: JoinTokenBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { decided, shown } = await this.enrolment.makeToken(origin, body);
    void reply.status(decided ? 201 : 202).header('cache-control', 'no-store');
    return shown;
  }

  @Post('agents/enrol')
  @Open()
  @HttpCode(200)
  @ApiOperation({ summary: 'An agent joins with its token.' })
  enrol(@Body(new BodyOf(EnrolBody)) body: EnrolBody) {
    return this.enrolment.enrol(body);
  }

  /** The answer is the partition's, whether there is such a tenant or not: it tells nothing of tenants. */
  @Get('dispatchers')
  @Open()
  @ApiOperation({ summary: "Where a tenant's agents find their dispatcher." })
  dispatcher(@Query(new QueryOf(DispatcherQuery)) query: DispatcherQuery) {
    const found = this.directory.dispatcherOf(query.tenant_id);
    if (!found) throw new ProblemError('no_dispatcher', 'Ask again in a moment.');
    return { ...found, output_address: this.output.address };
  }
}
