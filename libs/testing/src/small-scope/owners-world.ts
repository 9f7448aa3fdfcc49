import { createHash } from 'node:crypto';
import { type HeldLease, type LeaseRef } from '@fluxforge/domain/agent';
import {
  defaultTasksPolicy,
  leaseView,
  type TasksContext,
  type TasksEffect,
} from '@fluxforge/domain/tasks-context';
import { type Command, type CommandBody } from '@fluxforge/events/catalogue';
import { encodeCommand } from '@fluxforge/events/envelope';
import { type Justified } from '@fluxforge/events/partition-host';
import { Counters } from '../simulation/counters.js';
import { JournalModel } from '../simulation/journal-model.js';
import { type Scenario } from '../simulation/scenario.js';
import { TasksModel } from '../simulation/tasks-model.js';
import { insist } from '../simulation/violation.js';
import { setUp, spec, taskId, tenantId } from './scope-commands.js';
import { appendFaults, type AppendFault, type Host, ScopeHosts } from './scope-hosts.js';

interface Held extends LeaseRef {
  stage: 'held' | 'started' | 'ended';
}

interface Agent {
  readonly id: string;
  sessions: number;
  at: number | null;
  leases: Held[];
}

/** Shared with whoever makes the context. */
export const scopePolicy = defaultTasksPolicy;
const leapMs = 21_000;
const maxLeaps = 2;
const maxSwaps = 2;

/**
 * One partition with two hosts, two agents and one task, where the order of things is chosen from outside, one
 * at a time: what is not chosen (reads, feeding, retries) happens at once and in order. Each record that lands
 * is judged in that moment by the reader's rule and by the models of the simulation.
 */
export class OwnersWorld {
  readonly counters = new Counters();
  private readonly journal = new JournalModel('tasks', 0, this.counters);
  private readonly model: TasksModel;
  private readonly hosts: ScopeHosts;
  private readonly agents: Agent[];
  private readonly succeeded = new Set<string>();
  private commands = 0;
  private faults: number;
  private leaps = 0;
  private swaps = 0;
  private submitted = false;
  private cancelled = false;

  constructor(
    private readonly context: TasksContext,
    faults: number,
  ) {
    this.faults = faults;
    const scenario = { tasksPolicy: scopePolicy, network: { reorder: true } } as unknown as Scenario;
    const evidence = {
      succeeded: (_tenant: string, agentId: string, key: string) => this.succeeded.has(`${agentId} ${key}`),
      running: () => false,
      wasRequested: () => true,
    };
    this.model = new TasksModel(scenario, evidence, this.counters);
    this.hosts = new ScopeHosts(context, {
      landed: (record, nowMs) => {
        const accepted = this.journal.read(record, nowMs);
        if (accepted) this.model.fold(accepted);
      },
      effects: (n, host, effects) => this.effects(n, host, effects),
    });
    this.agents = ['one', 'two'].map((id) => ({ id, sessions: 0, at: null, leases: [] }));
    this.prepare();
  }

  /** What can happen next. The same names in the same order for the same state. */
  choices(): string[] {
    const found: string[] = [];
    if (!this.submitted) found.push('submit');
    if (this.submitted && !this.cancelled) found.push('cancel');
    for (const [i, agent] of this.agents.entries()) found.push(...this.choicesOf(agent, i));
    for (const i of this.hosts.pending.keys()) found.push(`land ${i}`);
    if (this.leaps < maxLeaps) found.push('leap');
    if (this.swaps < maxSwaps) found.push('swap');
    if (this.faults > 0) {
      if (this.hosts.armed === null) found.push(...appendFaults.map((fault) => `arm ${fault}`));
      for (const [i, agent] of this.agents.entries()) if (agent.leases.length > 0) found.push(`crash ${i}`);
    }
    return found;
  }

  apply(choice: string): void {
    const [what, which] = choice.split(' ') as [string, string?];
    const agent = this.agents[Number(which)] as Agent;
    switch (what) {
      case 'submit':
        this.submitted = true;
        this.command({ type: 'task.submit', data: { task_id: taskId, spec } });
        break;
      case 'cancel':
        this.cancelled = true;
        this.command({ type: 'task.cancel', data: { task_id: taskId } });
        break;
      case 'connect':
        this.connect(agent, Number(choice.split(' ')[2]));
        break;
      case 'start':
        this.report(agent, 'started');
        break;
      case 'end':
        this.report(agent, 'ended');
        break;
      case 'crash':
        this.faults -= 1;
        agent.leases = [];
        this.disconnect(agent);
        break;
      case 'swap':
        this.swaps += 1;
        this.hosts.assign(1 - this.hosts.placed);
        break;
      case 'arm':
        this.faults -= 1;
        this.hosts.armed = which as AppendFault;
        break;
      case 'land':
        this.hosts.land(Number(which));
        break;
      case 'leap':
        this.leap();
        break;
      default:
        throw new Error(`no such choice: ${choice}`);
    }
    this.hosts.settle();
  }

  /** What has come about in the accepted log. */
  seen(): string[] {
    return this.journal.accepted.map(({ event: { fact } }) =>
      fact.type === 'task.ended' ? `${fact.type} ${fact.data.end}` : fact.type,
    );
  }

  /**
   * Of the state, what the choices that follow can depend on; times as spans to now, in whole seconds, so that
   * paths which differ in a retry's milliseconds are one.
   */
  fingerprint(): string {
    const { agents, faults, leaps, swaps, submitted, cancelled } = this;
    const { pending, armed, placed } = this.hosts;
    const hosts = this.hosts.nodes.map(({ host }) => [
      host.ownerState,
      host.leading,
      host.terms,
      host.position?.next,
      host.queued,
      host.leading ? this.context.serialize(host.view) : null,
    ]);
    const accepted = this.journal.accepted.map(({ event: { fact }, offset }) => [fact.type, offset]);
    const held = pending.map(({ node, answered, records }) => [node, answered, records.length]);
    const own = [
      agents,
      held,
      armed,
      faults,
      leaps,
      swaps,
      placed,
      submitted,
      cancelled,
      [...this.succeeded],
    ];
    const text = JSON.stringify([own, hosts, accepted]);
    return sha256(
      text.replace(/\b17\d{11}\b/g, (ms) => `${Math.round((this.hosts.nowMs - Number(ms)) / 1_000)}s`),
    );
  }

  private prepare(): void {
    this.hosts.assign(0);
    this.hosts.settle();
    for (const body of setUp(
      this.agents.map(({ id }) => id),
      this.hosts.nowMs,
    ))
      this.command(body);
    this.hosts.settle();
    for (const agent of this.agents) this.connect(agent, 0);
    this.hosts.settle();
    insist(
      [...this.model.agents.values()].every((a) => a.standing === 'found'),
      'scope',
      () => 'not ready',
    );
  }

  private choicesOf(agent: Agent, i: number): string[] {
    const found: string[] = [];
    for (const [n, { host }] of this.hosts.nodes.entries())
      if (host.leading && agent.at !== n) found.push(`connect ${i} ${n}`);
    if (agent.leases.some(({ stage }) => stage === 'held')) found.push(`start ${i}`);
    if (agent.leases.some(({ stage }) => stage === 'started')) found.push(`end ${i}`);
    return found;
  }

  private command(body: CommandBody): void {
    this.commands += 1;
    const id = `c-${this.commands}`;
    const provenance = {
      actor: 'key:k',
      reason: null,
      causationId: id,
      correlationId: id,
      traceparent: null,
    };
    const command = { ...body, id, tenantId, provenance } as Command;
    this.hosts.command(encodeCommand(command, this.hosts.nowMs));
  }

  private connect(agent: Agent, n: number): void {
    this.disconnect(agent);
    agent.at = n;
    agent.sessions += 1;
    const inventory: HeldLease[] = agent.leases.map(({ stage, ...ref }) => ({
      ...ref,
      finished: stage === 'ended',
    }));
    const about = { labels: {}, slots: 1, executors: ['noop' as const], agentVersion: '1', inventory };
    this.hosts.offer(n, { kind: 'connected', ...this.from(agent), ...about });
    // Behind the inventory it says again what was not acknowledged.
    for (const held of agent.leases) if (held.stage === 'ended') this.offerResult(agent, held);
  }

  private disconnect(agent: Agent): void {
    if (agent.at !== null) this.hosts.offer(agent.at, { kind: 'disconnected', ...this.from(agent) });
    agent.at = null;
  }

  private from({ id, sessions }: Agent) {
    return { tenantId, agentId: id, sessionId: `${id}-${sessions}` };
  }

  private report(agent: Agent, stage: 'started' | 'ended'): void {
    const before = stage === 'started' ? 'held' : 'started';
    const held = agent.leases.find((lease) => lease.stage === before);
    if (!held) throw new Error('nothing to report');
    held.stage = stage;
    if (stage === 'ended') {
      this.succeeded.add(`${agent.id} ${held.taskId}/${held.life}/${held.attempt}`);
      return this.offerResult(agent, held);
    }
    const { taskId: id, life, attempt } = held;
    const ref = { tenantId, agentId: agent.id, taskId: id, life, attempt };
    if (agent.at !== null)
      this.hosts.offer(agent.at, { kind: 'started', ...ref, startedAtMs: this.hosts.nowMs });
  }

  private offerResult(agent: Agent, { taskId: id, life, attempt }: Held): void {
    const ref = { tenantId, agentId: agent.id, taskId: id, life, attempt };
    const run = { outcome: 'exited', exit_code: 0, started_at_ms: this.hosts.nowMs, duration_ms: 1 } as const;
    if (agent.at !== null) this.hosts.offer(agent.at, { kind: 'result', ...ref, run });
  }

  /** Every lease that is out runs out. Agents are not heard meanwhile. */
  private leap(): void {
    this.leaps += 1;
    this.hosts.nowMs += leapMs;
  }

  private effects(n: number, host: Host, effects: readonly Justified<TasksEffect>[]): void {
    for (const { effect, offset } of effects) {
      if (effect.kind !== 'push-lease' && effect.kind !== 'push-cancel' && effect.kind !== 'drop-lease')
        continue;
      if (effect.kind === 'push-lease') this.insistCommitted(effect, offset);
      if (!host.fresh(this.hosts.nowMs)) continue;
      const agent = this.agents.find(({ id, at }) => id === effect.agentId && at === n);
      if (!agent) continue;
      const known = agent.leases.find(({ attempt }) => attempt === effect.attempt);
      if (effect.kind === 'drop-lease') agent.leases = agent.leases.filter((lease) => lease !== known);
      if (effect.kind === 'push-cancel' && known && known.stage !== 'ended') known.stage = 'started';
      if (effect.kind !== 'push-lease' || known || !leaseView(host.view, tenantId, taskId)) continue;
      const { life, attempt } = effect;
      agent.leases = [{ taskId, life, attempt, stage: 'held' }];
    }
  }

  /** What an agent is told to run is a lease that every reader finds where the owner says. */
  private insistCommitted(effect: LeaseRef & { agentId: string }, offset: number | null): void {
    if (offset === null) return; // of the moment: what is live already is said again
    const fact = this.journal.at(offset)?.event.fact;
    const same = fact?.type === 'task.leased' && fact.data.attempt === effect.attempt;
    insist(
      same && fact.data.agent_id === effect.agentId,
      'committed first',
      () => `pushed, at ${offset}: ${fact?.type}`,
    );
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
