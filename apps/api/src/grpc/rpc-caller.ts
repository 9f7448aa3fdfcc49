import { Inject, Injectable } from '@nestjs/common';
import { type Metadata } from '@grpc/grpc-js';
import { callerWith } from '../access/index.js';
import { originOf, type Origin } from '../commands/index.js';
import { Directory, type Caller } from '../directory/index.js';
import { Turns } from '../turns/index.js';

/** Who calls: the key, the reason and the trace from the call's metadata, under the names they have over REST. */
@Injectable()
export class RpcCallers {
  constructor(
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Turns) private readonly turns: Turns,
  ) {}

  /** @throws ProblemError */
  reader(metadata: Metadata): Caller {
    return callerWith(this.directory, textOf(metadata, 'authorization'), 'reader');
  }

  /**
   * One write, in its tenant's turn.
   * @throws ProblemError
   */
  writing<T>(metadata: Metadata, write: (by: Writer) => Promise<T>): Promise<T> {
    const caller = callerWith(this.directory, textOf(metadata, 'authorization'), 'writer');
    const origin = originOf(caller, textOf(metadata, 'fluxforge-reason'), textOf(metadata, 'traceparent'));
    return this.turns.during(caller.tenantId, () => write({ caller, origin }));
  }
}

export interface Writer {
  readonly caller: Caller;
  readonly origin: Origin;
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
