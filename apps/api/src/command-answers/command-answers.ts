import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { Query as CqrsQuery, QueryBus, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type CommandRow, type ReadModels, type WriteToken } from '@fluxforge/read-models';
import { type LogPort } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import { From } from '../access/index.js';
import { type Caller } from '../directory/index.js';
import { QueryOf } from '../fields/index.js';
import { IdParam } from '../http/id-param.js';
import { notFound } from '../http/index.js';
import { ApiProblems } from '../http/openapi.js';
import { PositionQuery, Reads, tokenOf, waitMs } from '../reads/index.js';

export type CommandView = CommandRow | { readonly command_id: string; readonly state: 'pending' };

export class GetCommand extends CqrsQuery<CommandView> {
  constructor(
    readonly caller: Caller,
    readonly id: string,
    readonly query: PositionQuery,
  ) {
    super();
  }
}

/** The ends of the commands topics at a tenant's partition: what a command that exists must lie below. */
export class CommandEnds {
  constructor(
    private readonly log: LogPort,
    private readonly topics: Topics,
  ) {}

  /** The last command of each context, as a token to wait for; null when the log does not say. */
  async lastOf(partition: number): Promise<readonly WriteToken[] | null> {
    const contexts = ['tasks', 'states'] as const;
    try {
      const ends = await Promise.all(
        contexts.map(async (context) => {
          const { end } = await this.log.offsets({ topic: this.topics.commands[context], partition });
          return { context, partition, offset: end - 1 };
        }),
      );
      return ends.filter((token) => token.offset >= 0);
    } catch {
      return null;
    }
  }
}

/**
 * Whether an id that the read models lack is unknown or only not there yet, they cannot tell. So the
 * question waits until they cover every command there was when it was asked: what is lacking then was never
 * accepted. When they do not get that far in time, the answer is `pending`, whatever the id.
 */
@QueryHandler(GetCommand)
export class GetCommandHandler implements IQueryHandler<GetCommand> {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(CommandEnds) private readonly ends: CommandEnds,
  ) {}

  async execute({ caller, id, query }: GetCommand): Promise<CommandView> {
    const pending = { command_id: id, state: 'pending' } as const;
    const token = tokenOf(caller, query);
    const found = await this.reads.ask(caller, {}, async (models, tenant) => {
      const row = await models.commands.get(tenant, id);
      if (row) return row;
      const last = token ? [token] : await this.ends.lastOf(caller.partition);
      if (!last || !(await coversAll(models, last, waitMs(query)))) return pending;
      return models.commands.get(tenant, id);
    });
    if (!found) throw notFound();
    return found;
  }
}

async function coversAll(
  models: ReadModels,
  tokens: readonly WriteToken[],
  deadlineMs: number,
): Promise<boolean> {
  const covered = await Promise.all(tokens.map((token) => models.waitCovered(token, deadlineMs)));
  return covered.every(Boolean);
}

@ApiTags('commands')
@ApiProblems()
@Controller('v1/commands')
export class CommandsController {
  constructor(@Inject(QueryBus) private readonly queries: QueryBus) {}

  @Get(':id')
  @ApiOperation({ summary: 'What became of a command: accepted, rejected with a code, or pending.' })
  get(
    @From() caller: Caller,
    @Param('id', IdParam) id: string,
    @Query(new QueryOf(PositionQuery)) query: PositionQuery,
  ) {
    return this.queries.execute(new GetCommand(caller, id, query));
  }
}
