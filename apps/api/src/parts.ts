import { type Cache } from '@fluxforge/cache';
import { Backlog } from '@fluxforge/domain/shedding';
import { type LogPort } from '@fluxforge/events/log';
import { topicsOf } from '@fluxforge/events/topics';
import { type ReadModels } from '@fluxforge/read-models';
import { Readiness, type Logger, type Metrics } from '@fluxforge/telemetry';
import { CommandEnds } from './command-answers/index.js';
import { CommandIngest, EarlyRefusals } from './commands/index.js';
import { Directory, DirectoryFollower } from './directory/index.js';
import { Answers, Enrolment, OutputAddress } from './enrolment/index.js';
import { Owners } from './owners/index.js';
import { Clock } from './http/clock.js';
import { Reads } from './reads/index.js';
import { HotQueues, Lag, Shedding, StatePulses } from './shedding/index.js';
import { Turns } from './turns/index.js';
import { OperatorTenant } from './tenants/index.js';

export interface PartsOptions {
  readonly log: LogPort;
  readonly models: ReadModels;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  /** The name of the tenant whose admins may change what concerns all. */
  readonly operatorTenant?: string | null;
  /** Shared with the owners of partitions. */
  readonly signingKey: string;
  /** How long a write may take. */
  readonly writeTimeoutMs: number;
  /** How long an enrolment waits for the owner's answer. */
  readonly answerDeadlineMs: number;
  /** Shared by all API servers and owners; null: none is. */
  readonly cache?: Cache | null;
  /** How many API servers there are. */
  readonly apiServers: number;
  /** Commands of a partition that may wait before the tenants with most of them are held back. */
  readonly maxLagRecords: number;
  /** Writes that are worked on at once; beyond them tenants take turns. */
  readonly writesAtOnce: number;
  /** After so long one that still waits for something gives its place to the next. */
  readonly placeMs?: number;
}

/** Writes of one tenant that may wait, for each that is worked on: a few seconds' worth of them, however fast. */
const waitingShare = 8;
const usualPlaceMs = 250;

/** Everything the API is made of, put together by hand and in one place; the framework only carries it. */
export type ApiParts = ReturnType<typeof assemble>;

export function assemble(options: PartsOptions) {
  const { log, models, partitions, logger, metrics, nowMs } = options;
  const topics = topicsOf(options.topicPrefix);
  const clock = new Clock(nowMs);
  const directory = new Directory(partitions);
  const follower = new DirectoryFollower(log, topics.directory, directory, logger);
  const reads = new Reads(models, nowMs);
  const answers = new Answers(log, topics.events.tasks, logger);
  const outputAddress = new OutputAddress();
  const owners = new Owners(directory, options.signingKey);
  const cache = options.cache ?? null;
  const { apiServers: servers } = options;
  const hotQueues = new HotQueues({
    cache,
    partitions,
    nowMs,
    askOwner: (tenantId) => owners.ask('tasks', { kind: 'queue-depth', tenant_id: tenantId }),
  });
  const statePulses = new StatePulses({
    cache,
    partitions,
    nowMs,
    askOwner: (tenantId) => owners.ask('states', { kind: 'pulse', tenant_id: tenantId }),
  });
  const shares = { partitions, servers };
  const lags = {
    tasks: new Lag(new Backlog(options.maxLagRecords), hotQueues, shares),
    states: new Lag(new Backlog(options.maxLagRecords), statePulses, shares),
  };
  const operator = new OperatorTenant(directory, options.operatorTenant ?? null);
  const shedding = new Shedding(directory, hotQueues, lags, metrics, {
    cache,
    servers,
    nowMs,
    isOperator: (tenantId) => operator.is({ tenantId }),
  });
  const ingest = new CommandIngest(
    log,
    {
      partitions,
      topics,
      timeoutMs: options.writeTimeoutMs,
      nowMs,
      onWritten: (context, partition, tenantId, offset) => lags[context].wrote(partition, tenantId, offset),
    },
    metrics,
  );
  const enrolment = new Enrolment(ingest, answers, directory, clock, shedding, {
    partitions,
    outputAddress: () => outputAddress.address,
    answerDeadlineMs: options.answerDeadlineMs,
  });
  return {
    log,
    topics,
    partitions,
    clock,
    directory,
    follower,
    ingest,
    reads,
    early: new EarlyRefusals(reads, log, topics),
    answers,
    enrolment,
    outputAddress,
    owners,
    hotQueues,
    shedding,
    turns: new Turns({
      atOnce: options.writesAtOnce,
      waiting: waitingShare * options.writesAtOnce,
      placeMs: options.placeMs ?? usualPlaceMs,
    }),
    operator,
    commandEnds: new CommandEnds(log, topics),
    readiness: new Readiness(['directory']),
    logger,
    metrics,
  };
}
