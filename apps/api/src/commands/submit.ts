import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandIngest, type Accepted, type Submission } from './ingest.js';

/** Anything that changes something: appended to the log, and decided there by the partition's owner. */
export class Submit extends Command<Accepted> {
  constructor(readonly submission: Submission) {
    super();
  }
}

@CommandHandler(Submit)
export class SubmitHandler implements ICommandHandler<Submit> {
  constructor(@Inject(CommandIngest) private readonly ingest: CommandIngest) {}

  execute({ submission }: Submit): Promise<Accepted> {
    return this.ingest.submit(submission);
  }
}
