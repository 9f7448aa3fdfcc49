import { makeStatesContext } from '@fluxforge/domain/states-context';
import { type Cache } from '@fluxforge/cache';
import { type ReconcilerConfig } from '@fluxforge/config';
import { DirectoryWriter } from '@fluxforge/events/directory-writer';
import { EndTail } from '@fluxforge/events/end-tail';
import { ledPartitions, pulseOf } from '@fluxforge/events/hot-queue';
import { type LogPort } from '@fluxforge/events/log';
import {
  NotLedHere,
  startQuestionServer,
  type Question,
  type QuestionServer,
} from '@fluxforge/events/owner-questions';
import { partitionOf } from '@fluxforge/events/partitioner';
import {
  ownerGroupPace,
  HostGroup,
  toldFacts,
  untilSafeLog,
  watchLag,
  hostTelemetry,
  steadyClock,
  type RunnerEvents,
} from '@fluxforge/events/partition-host';
import { noSnapshots, PastStates, type Snapshots } from '@fluxforge/events/snapshots';
import { topicsOf } from '@fluxforge/events/topics';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';
import { tellTarget } from './checks/target-telemetry.js';
import { CheckRequests } from './checks/check-requests.js';
import { resultsOf, type FoundByAgent } from './checks/check-results.js';
import { PulseMirror } from './pulse/index.js';
import { pastTargetAnswer, targetAnswer } from './questions/target-view.js';

interface Tools {
  readonly log: LogPort;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Without them a takeover reads its partition from the start. */
  readonly snapshots?: Snapshots;
  /** Null, or absent: how far it has come is not mirrored. */
  readonly cache?: Cache | null;
}

/** Rules keep nothing themselves: all partitions share these. */
const rules = makeStatesContext();
type StatesContext = typeof rules;
type StatesEffect = ReturnType<StatesContext['pulse']>[number];

const context = 'states';

/** Wires the states context to the log: hosts, check requests out, check results in. */
export class Reconciler {
  private readonly group;
  private readonly requests: CheckRequests;
  private readonly results: EndTail;
  private readonly snapshots: Snapshots;
  private readonly past;
  private readonly directory: DirectoryWriter;
  private readonly mirror: PulseMirror | null;
  private readonly nowMs = steadyClock();
  private questions: QuestionServer | null = null;

  constructor(
    private readonly config: ReconcilerConfig,
    private readonly tools: Tools,
  ) {
    const { kafka } = config;
    this.snapshots = tools.snapshots ?? noSnapshots;
    const topics = topicsOf(kafka.topicPrefix);
    this.past = new PastStates({
      log: tools.log,
      topics: (partition) => ({
        own: { topic: topics.events.states, partition },
        foreign: { topic: topics.events.tasks, partition },
      }),
      context: () => rules,
      snapshot: (partition, within) => this.snapshots.past(partition, within),
      nowMs: this.nowMs,
    });
    this.requests = new CheckRequests(tools.log, topics.checkRequests, (reason) =>
      tools.logger.warn({ reason }, 'check request not sent'),
    );
    this.results = new EndTail(tools.log, topics.agentReports, {
      onBatch: (partition, batch) => {
        for (const found of resultsOf(batch)) this.take(partition, found);
      },
      onDelayed: (partition, err) => tools.logger.warn({ partition, err }, 'check results not followed yet'),
    });
    this.directory = new DirectoryWriter(tools.log, topics.directory, (error) =>
      tools.logger.warn({ err: error }, 'directory write, trying again'),
    );
    this.group = new HostGroup(
      tools.log,
      {
        context,
        topicPrefix: kafka.topicPrefix,
        partitions: kafka.partitions,
        epoch: 1,
        address: '',
        ...ownerGroupPace,
        tickMs: 20,
        nowMs: this.nowMs,
        loadSnapshot: (partition) => this.snapshots.load(partition),
        events: this.events(),
      },
      () => toldFacts(rules, (fact) => tellTarget(tools.logger, fact)),
    );
    const led = () => ledPartitions(this.group, this.nowMs());
    this.mirror = tools.cache ? new PulseMirror(tools.cache, led) : null;
  }

  async start(): Promise<void> {
    await untilSafeLog(this.tools.log, { context, ...this.config.kafka }, (error) =>
      this.tools.logger.warn({ err: error }, 'waiting for the log'),
    );
    const topics = topicsOf(this.config.kafka.topicPrefix);
    watchLag(
      this.group,
      { commands: topics.commands.states, foreign: topics.events.tasks },
      this.tools.metrics,
    );
    this.questions = await startQuestionServer({
      address: this.config.questionsAddress,
      signingKey: this.config.signingKey,
      answer: async (question) => this.answer(question),
      onError: (error, { kind }) => this.tools.logger.warn({ err: error, kind }, 'question not answered'),
    });
    await this.group.start();
    this.mirror?.start();
    this.tools.readiness.set('log', 'ok');
  }

  async stop(): Promise<void> {
    this.mirror?.stop();
    await this.questions?.close();
    await this.group.close();
    await this.snapshots.close();
    await this.results.close();
  }

  private events(): RunnerEvents<StatesEffect> {
    const telemetry = hostTelemetry(context, this.tools);
    return {
      ...telemetry,
      onLeading: (partition, claimOffset) => {
        telemetry.onLeading(partition, claimOffset);
        this.snapshots.leading(partition);
        this.tellOwner(partition, claimOffset);
        this.results.follow(partition);
      },
      onFallen: (partition, reason) => {
        telemetry.onFallen(partition, reason);
        this.snapshots.fallen(partition);
        this.directory.fell(partition);
        this.results.unfollow(partition);
      },
      onEffects: (partition, effects) => {
        for (const { effect } of effects) {
          this.requests.send(partition, {
            tenant_id: effect.tenantId,
            agent_id: effect.agentId,
            checks: [...effect.checks],
          });
        }
      },
      onSettled: () => undefined,
      onDeciding: () => undefined,
      onPlaced: () => undefined,
    };
  }

  /** So that API servers know whom to ask. */
  private tellOwner(partition: number, offset: number): void {
    const questions = this.config.advertisedQuestionsAddress ?? this.questions?.address ?? '';
    const generation = this.group.runner(partition)?.generation ?? 0;
    this.directory.publish({ kind: 'owner', context, address: '', generation, questions, partition, offset });
  }

  private answer(question: Question): unknown {
    const partition = partitionOf(question.tenant_id, this.config.kafka.partitions);
    const runner = this.group.runner(partition);
    if (!runner?.host.leading) throw new NotLedHere();
    if (question.kind === 'pulse') return pulseOf(runner);
    if (question.kind !== 'explain-target') throw new NotLedHere();
    const { as_of_ms: atMs, tenant_id: tenantId } = question;
    if (atMs === undefined) return targetAnswer(question, runner.host.view, this.nowMs());
    return this.past.answer({ tenantId, partition, atMs }, (past) => pastTargetAnswer(question, past, atMs));
  }

  private take(partition: number, found: FoundByAgent): void {
    this.tools.metrics.add('fluxforge_checks_total', { outcome: found.result.outcome });
    // A result that cannot be taken now is asked again by its target's timer.
    this.group.runner(partition)?.offer({ kind: 'check-result', ...found }, 0, `agent:${found.agentId}`);
  }
}
