import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type DispatcherConfig } from '@fluxforge/config';
import { AgentControlService, MAX_FRAME_BYTES } from '@fluxforge/agent-protocol';
import {
  agentCredential,
  defaultTasksPolicy,
  makeTasksContext,
  type TasksContext,
  type TasksEffect,
} from '@fluxforge/domain/tasks-context';
import { type Cache } from '@fluxforge/cache';
import { type CheckRequest } from '@fluxforge/events/catalogue';
import { DirectoryWriter } from '@fluxforge/events/directory-writer';
import { EndTail } from '@fluxforge/events/end-tail';
import { ledPartitions, pulseOf } from '@fluxforge/events/hot-queue';
import { type LogPort } from '@fluxforge/events/log';
import {
  NotLedHere,
  startQuestionServer,
  type Question,
  type QuestionServer,
  type Slices,
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
import { AgentStreams, type PartitionAccess } from './agent-streams/agent-streams.js';
import { type AgentCall } from './agent-streams/session.js';
import { wireCheck } from './agent-streams/wire.js';
import { requestsOf } from './checks/check-requests.js';
import { HeldRequests } from './checks/held-requests.js';
import { answerTo } from './questions/answers.js';
import { pastAnswer } from './questions/past.js';
import { Effects } from './effects/effects.js';
import { HotQueueMirror } from './hot-queue/index.js';
import { AgentReports } from './heartbeats/agent-reports.js';
import { PressureGauge } from './pressure/pressure.js';
import { watchQueues } from './partition/queue-gauges.js';
import { TaskTelemetry } from './partition/task-telemetry.js';
import { OwnerMap } from './partition/owner-map.js';
import { tasksPolicyOf } from './tasks-policy.js';

interface Tools {
  readonly log: LogPort;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Without them a takeover reads its partition from the start. */
  readonly snapshots?: Snapshots;
  /** Null, or absent: queues are not mirrored. */
  readonly cache?: Cache | null;
}

const context = 'tasks';
const { leaseMs, heartbeatMs } = defaultTasksPolicy;

/** Wires the tasks context to the log and to the agents' control streams. */
export class Dispatcher {
  private readonly nowMs = steadyClock();
  private readonly server = new Server({
    'grpc.max_receive_message_length': MAX_FRAME_BYTES,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.keepalive_permit_without_calls': 1,
  });
  private readonly streams: AgentStreams;
  private readonly directory: DirectoryWriter;
  private readonly effects: Effects;
  private readonly checkRequests: EndTail;
  private readonly telemetry: TaskTelemetry;
  private readonly pressure = new PressureGauge((message) => {
    for (const partition of this.group?.placed ?? []) {
      const runner = this.group?.runner(partition);
      if (runner?.host.leading) runner.offer(message(partition), 0, 'system:dispatcher');
    }
  });
  private readonly held = new HeldRequests(this.nowMs);
  private readonly snapshots: Snapshots;
  /** Rules keep nothing themselves: all partitions, and questions about them, share these. */
  private readonly rules: TasksContext;
  private readonly past;
  private readonly mirror: HotQueueMirror | null;
  private readonly claimOffsets = new Map<number, number>();
  private group: ReturnType<Dispatcher['makeGroup']> | null = null;
  private questions: QuestionServer | null = null;

  constructor(
    private readonly config: DispatcherConfig,
    private readonly tools: Tools,
  ) {
    const { log, logger, metrics } = tools;
    this.snapshots = tools.snapshots ?? noSnapshots;
    this.rules = makeTasksContext(tasksPolicyOf(config));
    this.telemetry = new TaskTelemetry(metrics, logger);
    const { cache } = tools;
    const led = () => ledPartitions(this.group, this.nowMs());
    this.mirror = cache ? new HotQueueMirror({ cache, led, nowMs: this.nowMs }) : null;
    const topics = topicsOf(config.kafka.topicPrefix);
    this.past = new PastStates({
      log,
      topics: (partition) => ({
        own: { topic: topics.events.tasks, partition },
        foreign: { topic: topics.events.states, partition },
      }),
      context: () => this.rules,
      snapshot: (partition, within) => this.snapshots.past(partition, within),
      nowMs: this.nowMs,
    });
    const owners = new OwnerMap(
      () => this.group?.membershipView?.view() ?? Promise.reject(new Error('not in the group yet')),
      this.nowMs,
    );
    const reports = new AgentReports(log, topics.agentReports, (error) =>
      logger.warn({ err: error }, 'report not sent'),
    );
    const pace = { leaseMs, heartbeatMs };
    this.streams = new AgentStreams(this.access(), owners, pace, reports, metrics, logger);
    this.directory = new DirectoryWriter(log, topics.directory, (error) =>
      logger.warn({ err: error }, 'directory write, trying again'),
    );
    this.effects = new Effects({
      streams: this.streams,
      directory: this.directory,
      signingKey: config.signingKey,
      nowMs: this.nowMs,
    });
    this.checkRequests = new EndTail(log, topics.checkRequests, {
      onBatch: (partition, batch) => {
        for (const request of requestsOf(batch)) this.forward(partition, request);
      },
      onDelayed: (partition, err) =>
        this.tools.logger.warn({ partition, err }, 'check requests not followed yet'),
    });
  }

  /** Answers the address that agents are told. */
  async start(): Promise<string> {
    await untilSafeLog(this.tools.log, { context, ...this.config.kafka }, (error) =>
      this.tools.logger.warn({ err: error }, 'waiting for the log'),
    );
    this.server.addService(AgentControlService, { connect: (call: AgentCall) => this.streams.serve(call) });
    const port = await this.listen();
    const address = this.config.advertisedAddress ?? `${this.config.grpcAddress.host}:${port}`;
    this.questions = await startQuestionServer({
      address: this.config.questionsAddress,
      signingKey: this.config.signingKey,
      answer: async (question, slices) => this.answer(question, slices),
      onError: (error, { kind }) => this.tools.logger.warn({ err: error, kind }, 'question not answered'),
    });
    this.group = this.makeGroup(address);
    this.watch(this.group);
    await this.group.start();
    this.pressure.start();
    this.mirror?.start();
    this.tools.readiness.set('log', 'ok');
    return address;
  }

  async stop(): Promise<void> {
    this.pressure.stop();
    this.mirror?.stop();
    await this.questions?.close();
    await this.group?.close();
    await this.snapshots.close();
    this.streams.close();
    await this.checkRequests.close();
    this.server.forceShutdown();
  }

  /** Gauges that are cheaper to read at a scrape than to keep. */
  private watch(group: NonNullable<typeof this.group>): void {
    const { metrics } = this.tools;
    const topics = topicsOf(this.config.kafka.topicPrefix);
    watchLag(group, { commands: topics.commands.tasks, foreign: topics.events.states }, metrics);
    watchQueues(group, metrics);
  }

  private makeGroup(address: string) {
    const { kafka } = this.config;
    return new HostGroup(
      this.tools.log,
      {
        context,
        topicPrefix: kafka.topicPrefix,
        partitions: kafka.partitions,
        epoch: 1,
        address,
        ...ownerGroupPace,
        tickMs: 20,
        nowMs: this.nowMs,
        loadSnapshot: (partition) => this.snapshots.load(partition),
        events: this.events(address),
      },
      () => toldFacts(this.rules, (fact) => this.telemetry.tell(fact)),
    );
  }

  private events(address: string): RunnerEvents<TasksEffect> {
    const telemetry = hostTelemetry(context, this.tools);
    return {
      ...telemetry,
      onLeading: (partition, claimOffset) => {
        telemetry.onLeading(partition, claimOffset);
        this.snapshots.leading(partition);
        this.claimOffsets.set(partition, claimOffset);
        // Only the newest claim's entry stands: its offset is the highest.
        const generation = this.group?.runner(partition)?.generation ?? 0;
        this.directory.publish({
          kind: 'owner',
          context,
          address,
          generation,
          questions: this.config.advertisedQuestionsAddress ?? this.questions?.address ?? '',
          partition,
          offset: claimOffset,
        });
        this.checkRequests.follow(partition);
      },
      onCommit: (partition, records, latencyMs) => {
        telemetry.onCommit(partition, records, latencyMs);
        this.pressure.committed(partition, latencyMs);
      },
      onDeciding: (partition) => this.streams.led(partition),
      onFallen: (partition, reason) => {
        telemetry.onFallen(partition, reason);
        this.snapshots.fallen(partition);
        this.directory.fell(partition);
        this.mirror?.fell(partition);
        this.checkRequests.unfollow(partition);
        this.streams.fell(partition);
      },
      onPlaced: () => void this.streams.sendOn(),
      onEffects: (partition, effects) => {
        const state = this.group?.runner(partition)?.host.view;
        if (state) this.effects.carryOut(partition, state, effects, this.claimOffsets.get(partition) ?? 0);
      },
      onSettled: (_partition, tickets) => this.streams.settled(tickets),
    };
  }

  private async answer(question: Question, slices: Slices): Promise<unknown> {
    const partition = partitionOf(question.tenant_id, this.config.kafka.partitions);
    const runner = this.group?.runner(partition);
    if (!runner?.host.leading) throw new NotLedHere();
    const tools = { nowMs: this.nowMs, slices };
    if (question.kind === 'explain-task' && question.as_of_ms !== undefined) {
      const { as_of_ms: atMs, tenant_id: tenantId } = question;
      const asked = { tenantId, partition, atMs };
      return this.past.answer(asked, (past) => pastAnswer(question, past, this.rules, atMs, tools));
    }
    const { view } = runner.host;
    const answer = await answerTo(question, view, this.rules, tools, pulseOf(runner));
    // What was put together in slices may be of a term that is over by now.
    if (!runner.host.leading || runner.host.view !== view) throw new NotLedHere();
    return answer;
  }

  private access(): PartitionAccess {
    const runner = (partition: number) => this.group?.runner(partition);
    return {
      partitions: this.config.kafka.partitions,
      placed: (p) => runner(p) !== undefined,
      leading: (p) => runner(p)?.host.leading ?? false,
      terms: (p) => runner(p)?.host.terms ?? { epoch: 0, term: 0 },
      credentialHash: (p, tenantId, agentId) => {
        const state = runner(p)?.host.view;
        return state ? agentCredential(state, tenantId, agentId) : null;
      },
      offer: (p, message, ticket, cause) => runner(p)?.offer(message, ticket, cause) ?? false,
      fresh: (p) => runner(p)?.host.fresh(this.nowMs()) ?? false,
      nowMs: this.nowMs,
      live: (p, tenantId, agentId) => {
        for (const request of this.held.take(tenantId, agentId)) this.forward(p, request);
      },
    };
  }

  private forward(partition: number, request: CheckRequest): void {
    if (!this.group?.runner(partition)?.host.leading) return;
    const session = this.streams.session(request.tenant_id, request.agent_id);
    if (!session) return this.held.hold(request);
    session.order({ $case: 'check', check: { checks: request.checks.map(wireCheck) } });
    this.streams.flushSoon(session);
  }

  private listen(): Promise<number> {
    const { host, port } = this.config.grpcAddress;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
  }
}
