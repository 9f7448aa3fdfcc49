import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import {
  type AgentMessageBody,
  type CheckResult,
  type Hello,
  type Inventory,
  type Orders,
  PROTOCOL_VERSION,
} from '@fluxforge/agent-protocol';
import { type AgentConfig } from '@fluxforge/config';
import { type Logger, type Metrics, type Readiness } from '@fluxforge/telemetry';
import { CheckQueue } from './checks/index.js';
import { ControlStream, RefusedForGood } from './control-stream/index.js';
import { type EnrolledIdentity, IdentityFile, Whereabouts, enrol } from './enrolment/index.js';
import { type Executor } from './executors/index.js';
import { NoopExecutor, witnessIn } from './executors/noop/index.js';
import { MARK_NAME, ShellExecutor } from './executors/shell/index.js';
import { heartbeatAnswer } from './heartbeat/index.js';
import { Journal, lockDirectory } from './journal/index.js';
import { LeaseDesk, checkMark, interruptLeftovers } from './leases/index.js';
import { bootId, DiskWatch, errorText, LoadMeter, MachineClock, machineSize } from './machine/index.js';
import { OutputHub } from './output/index.js';
import { Reporter } from './reporter/index.js';
import { agentSettings } from './settings.js';
import { Terms } from './terms.js';

/**
 * The agent's life: lock the data directory, read the journal, stop what a former process left running,
 * enrol, then keep one control stream up until told to stop. Parts meet here and nowhere else.
 */
export class Agent {
  private readonly boot = bootId();
  private readonly incarnation = randomUUID();
  private readonly clock = new MachineClock();
  private readonly load = new LoadMeter();
  private readonly disk: DiskWatch;
  private readonly shell: ShellExecutor;
  private readonly executors: ReadonlyMap<string, Executor>;
  private timers: NodeJS.Timeout[] = [];
  private stopped = false;
  private unlock: (() => Promise<void>) | undefined;
  private journal: Journal | undefined;
  private parts: Parts | undefined;

  constructor(
    private readonly config: AgentConfig,
    private readonly version: string,
    private readonly log: Logger,
    private readonly metrics: Metrics,
    private readonly readiness: Readiness,
    private readonly onFatal: (error: Error) => void,
  ) {
    this.disk = new DiskWatch(config.dataDir, agentSettings.minFreeDiskBytes);
    this.shell = new ShellExecutor({
      baseEnv: {
        ...agentSettings.baseEnv,
        ...(config.runId === null ? {} : { FLUXFORGE_RUN_ID: config.runId }),
      },
      pipeLingerMs: agentSettings.pipeLingerMs,
    });
    const noop = new NoopExecutor(config.witnessFile === null ? undefined : witnessIn(config.witnessFile));
    this.executors = new Map<string, Executor>([
      [this.shell.name, this.shell],
      [noop.name, noop],
    ]);
  }

  /** Resolves at the first welcome, or when stopped before it. */
  async start(): Promise<Record<string, unknown>> {
    await mkdir(this.config.dataDir, { recursive: true, mode: 0o700 });
    this.unlock = await lockDirectory(this.config.dataDir);
    const { journal, damaged } = await Journal.open({
      folder: this.config.dataDir,
      ...agentSettings.journal,
    });
    this.journal = journal;
    if (damaged) this.log.error('journal: a part did not verify and was set aside in quarantine/');
    const file = new IdentityFile(this.config.dataDir);
    const known = await file.load();
    if (known !== undefined) {
      const { instance } = known;
      const leftovers = {
        instance,
        bootId: this.boot,
        graceMs: agentSettings.graceMs,
        journalDamaged: damaged,
      };
      await interruptLeftovers(journal, leftovers, this.log);
    }
    const identity = await this.enrol(file);
    if (identity === undefined) return {};
    return this.serve(journal, file, identity);
  }

  /** Takes nothing more, stops what runs, reports, and leaves the rest to the journal. */
  async stop(): Promise<void> {
    this.stopped = true;
    const parts = this.parts;
    if (parts !== undefined) {
      parts.checks.drain();
      await parts.desk.drain(agentSettings.drainGraceMs);
      await Promise.all([this.awaitAcknowledgements(parts), parts.output.flush(agentSettings.drainFlushMs)]);
      await parts.stream.close(agentSettings.drainCloseMs);
      parts.output.close();
    }
    for (const timer of this.timers) clearInterval(timer);
    await this.journal?.close();
    await this.unlock?.();
  }

  private enrol(file: IdentityFile): Promise<EnrolledIdentity | undefined> {
    const { apiUrl, joinToken, name, labels, slots } = this.config;
    const request = {
      apiUrl,
      joinToken: joinToken ?? undefined,
      name,
      labels,
      slots,
      executors: [...this.executors.keys()],
      agentVersion: this.version,
      bootId: this.boot,
    };
    return enrol(file, request, this.log, () => this.stopped);
  }

  private async serve(
    journal: Journal,
    file: IdentityFile,
    identity: EnrolledIdentity,
  ): Promise<Record<string, unknown>> {
    const welcomed = new Promise<Record<string, unknown>>((resolve) => {
      this.parts = this.assemble(journal, file, identity, (partition) => {
        resolve({ agent: identity.enrolled.agentId, tenant: identity.enrolled.tenantId, partition });
      });
    });
    const { stream, desk, reporter } = this.parts ?? missing();
    this.every(agentSettings.fenceEveryMs, () => desk.fence());
    this.every(1000, () => {
      void this.disk.look();
      journal
        .mend()
        .catch((error: unknown) => this.log.error({ error: errorText(error) }, 'journal: no room'));
      if (stream.isLive) reporter.repeatOverdue();
      this.readiness.set('control-stream', stream.isLive ? 'ok' : 'down');
      this.readiness.set('disk', this.disk.hasRoom() && journal.hasRoom() ? 'ok' : 'degraded');
    });
    await this.disk.look();
    this.metrics.onScrape(() => {
      this.metrics.set('fluxforge_agent_connected', {}, stream.isLive ? 1 : 0);
      this.metrics.set('fluxforge_agent_tasks_running', {}, desk.active().length);
      this.metrics.set('fluxforge_agent_slots', {}, this.config.slots);
    });
    const running = stream.run().then(() => ({}));
    running.catch((error: unknown) => {
      this.onFatal(error instanceof RefusedForGood ? error : new Error(errorText(error)));
    });
    return Promise.race([welcomed, running]);
  }

  private assemble(
    journal: Journal,
    file: IdentityFile,
    identity: EnrolledIdentity,
    onWelcomed: (partition: number) => void,
  ): Parts {
    const { log, clock } = this;
    const { instance } = identity;
    const send = (body: AgentMessageBody): void => stream.send(body);
    const whereabouts = new Whereabouts(this.config.apiUrl, file, identity, (error) =>
      log.warn({ error: errorText(error) }, 'the new address could not be saved'),
    );
    const output = new OutputHub(() => whereabouts.outputAddress(), log);
    const reporter = new Reporter(journal, (body) => this.countAndSend(body, send), log);
    const desk = new LeaseDesk(
      { journal, reporter, output, clock, send, log },
      {
        instance,
        bootId: this.boot,
        slots: this.config.slots,
        defaultGraceMs: agentSettings.graceMs,
        defaultOutputBytes: agentSettings.outputBytes,
        executors: this.executors,
        hasDiskSpace: () => this.disk.hasRoom(),
      },
    );
    const checks = new CheckQueue(this.shell, { [MARK_NAME]: checkMark(instance) }, (checkResult) =>
      this.sendCheckResult(checkResult, send),
    );
    const parts = { journal, output, reporter, desk, checks, terms: new Terms(journal) };
    const stream: ControlStream = new ControlStream(
      whereabouts,
      () => this.hello(identity, parts.terms),
      {
        onWelcome: async (welcome) => {
          const accepted = await parts.terms.adopt(welcome);
          if (accepted) onWelcomed(welcome.partition);
          return accepted;
        },
        inventory: () => this.inventory({ ...parts, stream }),
        onGreeted: () => {
          desk.repeatStarts();
          reporter.sendAll();
        },
        onOrders: (orders) => this.onOrders(orders, { ...parts, stream }),
      },
      log,
    );
    return { ...parts, stream };
  }

  private hello(identity: EnrolledIdentity, terms: Terms): Hello {
    const { name, labels, slots } = this.config;
    return {
      agentId: identity.enrolled.agentId,
      tenantId: identity.enrolled.tenantId,
      credential: Buffer.from(identity.secret, 'hex'),
      protocolVersion: PROTOCOL_VERSION,
      agentVersion: this.version,
      bootId: this.boot,
      incarnation: this.incarnation,
      highestEpoch: terms.highest.epoch,
      highestTerm: terms.highest.term,
      labels: { ...labels },
      slots,
      executors: [...this.executors.keys()],
      name,
      ...machineSize(),
    };
  }

  private inventory({ desk, reporter, terms }: Parts): Inventory {
    desk.grants.begin(this.clock.monotonicMs());
    return {
      ...terms.highest,
      leases: desk.inventory(),
      reportsToFollow: reporter.unacknowledged().length,
    };
  }

  private onOrders(orders: Orders, parts: Parts): void {
    const { terms, desk, stream } = parts;
    if (!terms.isCurrent(orders)) {
      const { epoch, term } = terms.highest;
      this.log.warn({ term: orders.term, highest: term }, 'orders of another term thrown away');
      stream.send({
        $case: 'staleTerm',
        staleTerm: { epoch: orders.epoch, term: orders.term, highestEpoch: epoch, highestTerm: term },
      });
      for (const { body } of orders.messages) if (body?.$case === 'lease') desk.refuseLowerTerm(body.lease);
      return;
    }
    for (const { body } of orders.messages) if (body !== undefined) this.onOrder(body, parts);
  }

  private onOrder(body: NonNullable<Orders['messages'][number]['body']>, parts: Parts): void {
    const { desk, checks, reporter } = parts;
    switch (body.$case) {
      case 'lease':
        return desk.take(body.lease);
      case 'cancel':
        return desk.cancel(body.cancel);
      case 'check':
        return body.check.checks.forEach((check) => checks.add(check));
      case 'heartbeatRequest':
        return this.answerHeartbeat(body.heartbeatRequest.nonce, parts);
      case 'grant':
        return desk.granted(body.grant);
      case 'reportAck':
        return reporter.acknowledged(body.reportAck.reportIds);
      case 'drop':
        return desk.drop(body.drop.keys);
    }
  }

  private answerHeartbeat(nonce: number, { desk, checks, stream }: Parts): void {
    desk.fence();
    const sentAtMs = this.clock.monotonicMs();
    const heartbeat = heartbeatAnswer(nonce, {
      load: this.load,
      labels: this.config.labels,
      slots: this.config.slots,
      freeSlots: () => desk.freeSlots(),
      active: () => desk.active(),
      checksWaiting: () => checks.waitingCount(),
      draining: () => desk.isDraining,
    });
    desk.grants.answered(nonce, sentAtMs, heartbeat.running);
    stream.send({ $case: 'heartbeat', heartbeat });
  }

  private countAndSend(body: AgentMessageBody, send: (body: AgentMessageBody) => void): void {
    if (body.$case === 'result') {
      this.metrics.add('fluxforge_agent_attempts_total', { outcome: body.result.outcome });
    }
    send(body);
  }

  private sendCheckResult(checkResult: CheckResult, send: (body: AgentMessageBody) => void): void {
    this.metrics.add('fluxforge_agent_checks_total', { outcome: checkResult.outcome });
    send({ $case: 'checkResult', checkResult });
  }

  private async awaitAcknowledgements({ reporter, stream }: Parts): Promise<void> {
    const endsAtMs = performance.now() + agentSettings.drainFlushMs;
    while (stream.isLive && reporter.unacknowledged().length > 0 && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private every(ms: number, work: () => void): void {
    this.timers.push(setInterval(work, ms));
  }
}

interface Parts {
  journal: Journal;
  output: OutputHub;
  reporter: Reporter;
  desk: LeaseDesk;
  checks: CheckQueue;
  terms: Terms;
  stream: ControlStream;
}

function missing(): never {
  throw new Error('the agent was not assembled');
}
