import { makeStatesContext } from '@fluxforge/domain/states-context';
import { makeTasksContext } from '@fluxforge/domain/tasks-context';
import { type Command, type ContextName } from '@fluxforge/events/catalogue';
import { decodeCommand, PoisonRecord } from '@fluxforge/events/envelope';
import { type StoredRecord, type TopicPartition } from '@fluxforge/events/log';
import { type Topics } from '@fluxforge/events/topics';
import { type Counters } from '../counters.js';
import { type JournalModel } from '../journal-model.js';
import { type Prng } from '../prng.js';
import { type Scenario } from '../scenario.js';
import { Cuts } from './cut.js';
import { statesCompany } from './states-company.js';
import { tasksCompany } from './tasks-company.js';

export interface CutWorld {
  readonly scenario: Scenario;
  readonly topics: Topics;
  readonly counters: Counters;
  readonly journals: Readonly<Record<ContextName, readonly JournalModel[]>>;
}

interface Judge {
  landed(): void;
  judge(): void;
}

const contexts = ['tasks', 'states'] as const;

/** The cuts of all partitions of both contexts. */
export class CutModels {
  private readonly cuts: Readonly<Record<ContextName, readonly Judge[]>>;
  private readonly commands: Readonly<Record<ContextName, readonly Command[][]>>;

  constructor(
    private readonly world: CutWorld,
    prng: Prng,
  ) {
    const { scenario, journals, counters } = world;
    const lists = (): Command[][] => Array.from({ length: scenario.partitions }, () => []);
    this.commands = { tasks: lists(), states: lists() };
    const partsOf = (name: ContextName, other: ContextName, p: number) => ({
      own: journals[name][p]!,
      foreign: journals[other][p]!,
      commands: this.commands[name][p]!,
    });
    const tasks = makeTasksContext(scenario.tasksPolicy);
    const states = makeStatesContext(scenario.statesPolicy);
    this.cuts = {
      tasks: journals.tasks.map((_, p) => {
        const parts = { context: tasks, company: tasksCompany, ...partsOf('tasks', 'states', p) };
        return new Cuts(parts, prng.fork(`tasks/${p}`), counters);
      }),
      states: journals.states.map((_, p) => {
        const parts = { context: states, company: statesCompany, ...partsOf('states', 'tasks', p) };
        return new Cuts(parts, prng.fork(`states/${p}`), counters);
      }),
    };
  }

  /** To be told after the journals were. */
  landed({ topic, partition }: TopicPartition, records: readonly StoredRecord[]): void {
    for (const context of contexts) {
      if (topic === this.world.topics.events[context]) this.cuts[context][partition]?.landed();
      if (topic === this.world.topics.commands[context]) this.keep(context, partition, records);
    }
  }

  /** All partitions as they are now. */
  judge(): void {
    for (const context of contexts) for (const cuts of this.cuts[context]) cuts.judge();
  }

  private keep(context: ContextName, partition: number, records: readonly StoredRecord[]): void {
    for (const record of records) {
      try {
        this.commands[context][partition]?.push(decodeCommand(record));
      } catch (error: unknown) {
        if (!(error instanceof PoisonRecord)) throw error;
      }
    }
  }
}
