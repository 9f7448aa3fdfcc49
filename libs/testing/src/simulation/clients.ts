import {
  type Command,
  type CommandBody,
  type ContextName,
  type Labels,
  type StateSpec,
} from '@fluxforge/events/catalogue';
import { encodeCommand } from '@fluxforge/events/envelope';
import { hashHex } from '@fluxforge/domain/kernel';
import { type AppendFailure } from '@fluxforge/events/log';
import { partitionOf } from '@fluxforge/events/partitioner';
import { type Topics } from '@fluxforge/events/topics';
import { drawStateSpec, drawTaskSpec, versionOf } from '../workload/index.js';
import { AdmissionClients } from './admission-clients.js';
import { CrowdClients } from './crowd-clients.js';
import { FanoutClients } from './fanout-clients.js';
import { type FaultyLog } from './faulty-log.js';
import { FloodClients } from './flood-clients.js';
import { type Prng } from './prng.js';
import { type Scenario } from './scenario.js';
import { ScheduleClients } from './schedule-clients.js';
import { type Timeline } from './timeline.js';
import { type Witness } from './witness.js';

export interface ClientWorld {
  readonly timeline: Timeline;
  readonly log: FaultyLog;
  readonly topics: Topics;
  readonly scenario: Scenario;
  readonly witness: Witness;
}

export interface Enrolment {
  readonly tenantId: string;
  readonly agentId: string;
  readonly labels: Labels;
}

const retryMs = 300;
const maxTasks = 70;
const maxStates = 3;
const farMs = 10 * 365 * 24 * 3_600_000;

/** Users of two tenants, and the API in front of them: they submit, repeat, cancel, declare, change their minds. */
export class Clients {
  private stopped = false;
  private tasks = 0;
  private versions = 0;
  private commands = 0;
  private readonly states = new Map<string, Map<string, StateSpec>>();
  private labels = 0;
  private readonly admission: AdmissionClients;
  private readonly fanouts: FanoutClients;
  private readonly floods: FloodClients;
  private readonly crowds: CrowdClients;
  private readonly schedules: ScheduleClients;
  private readonly windowPrng: Prng;
  private readonly resets: Prng;
  private readonly enrolments: Prng;
  /** Who is to stay inside its quota in a flood submits nothing here. */
  private readonly busy: readonly string[];

  constructor(
    private readonly world: ClientWorld,
    private readonly prng: Prng,
    private readonly agents: readonly Enrolment[],
  ) {
    this.admission = new AdmissionClients(
      world.scenario,
      prng,
      (tenantId, body, partition) => this.send(tenantId, body, null, undefined, partition),
      world.witness.tasks.tenants,
    );
    this.fanouts = new FanoutClients(
      prng,
      (tenantId, body) => this.send(tenantId, body),
      world.witness.admission.map(({ fanouts }) => fanouts),
    );
    this.floods = new FloodClients(prng.fork('floods'), (tenantId, body, taskId) =>
      this.send(tenantId, body, taskId),
    );
    this.crowds = new CrowdClients(prng.fork('crowds'), (tenantId, body, taskId) =>
      this.send(tenantId, body, taskId),
    );
    const { scenario, witness } = world;
    this.busy = scenario.tenants.filter((tenantId) => tenantId !== scenario.flood?.quietTenant);
    this.windowPrng = prng.fork('windows');
    this.resets = prng.fork('resets');
    this.enrolments = prng.fork('enrolments');
    this.schedules = new ScheduleClients(
      prng.fork('schedules'),
      scenario.moment,
      witness.schedules,
      (tenantId, body) => this.send(tenantId, body),
    );
  }

  start(): void {
    const { scenario, timeline } = this.world;
    for (const [i, tenantId] of scenario.tenants.entries()) {
      this.states.set(tenantId, new Map());
      const limits = scenario.tasksPolicy.defaultLimits;
      this.send(tenantId, {
        type: 'tenant.create',
        data: {
          tenant_id: tenantId,
          name: tenantId,
          limits: { ...limits, ...scenario.flood?.limits.get(tenantId), weight: scenario.weights[i] ?? 1 },
        },
      });
      const key = {
        key_id: `k-${tenantId}`,
        key_hash: hashHex(tenantId),
        role: 'admin',
        label: 'k',
      } as const;
      timeline.after(50, 'key', () => this.send(tenantId, { type: 'tenant.add-key', data: key }));
    }
    for (const agent of this.agents) timeline.after(60, 'token', () => this.enrol(agent));
    this.enrolAgain();
    this.loop('task', scenario.taskEveryMs, () => this.submit());
    this.loop('state', scenario.stateEveryMs, () => this.changeStates());
    this.loop('schedule', scenario.scheduleEveryMs, () => this.schedule());
    this.loop('operate', 6_000, () => this.operate());
    this.loop('limits', scenario.limitsEveryMs, () => this.admission.setLimits());
    this.loop('fan-out', scenario.fanoutEveryMs, () => this.fanOut());
    this.loop('flood', scenario.floodEveryMs, () => this.flood());
    this.loop('crowd', scenario.crowdEveryMs, () => this.crowd());
    this.loop('mode', scenario.modeEveryMs, () => this.later(2_500, 'mode', this.admission.setMode()));
    if (scenario.drain) this.admission.drainAll(timeline, scenario.drain);
  }

  private schedule(): void {
    const { timeline, witness } = this.world;
    const tenantId = this.prng.pick(this.busy);
    if (witness.tasks.tenants.has(tenantId))
      this.schedules.act(tenantId, timeline.nowMs, this.agentIds(tenantId));
  }

  private agentIds(tenantId: string): string[] {
    return this.agents.filter((agent) => agent.tenantId === tenantId).map(({ agentId }) => agentId);
  }

  /** No new work; agents that were drained are taken back, and what no agent will ever suit is cancelled. */
  stop(): void {
    this.stopped = true;
    this.tidy();
  }

  /** Again and again: what was sent before may land late. */
  private tidy(): void {
    const { witness, timeline } = this.world;
    this.admission.tidy(witness.admission);
    for (const agent of witness.tasks.agents.values()) {
      if (agent.draining) this.drain(agent.tenantId, agent.id, false);
    }
    for (const task of witness.tasks.tasks.values()) {
      if (task.end !== null || witness.tasks.placeable(task)) continue;
      this.send(task.tenantId, { type: 'task.cancel', data: { task_id: task.id } });
    }
    this.schedules.tidy();
    for (const { tenantId, id: state_id, spec, deleted } of witness.states.states.values()) {
      if (deleted || !spec.windows) continue;
      const { windows: _, ...open } = spec;
      this.send(tenantId, {
        type: 'state.update',
        data: { state_id, name: state_id, labels: {}, spec: open },
      });
    }
    timeline.after(3_000, 'tidy', () => this.tidy());
  }

  /** Unless by then there is to be no new work. */
  private later(meanMs: number, what: string, work: () => void): void {
    this.world.timeline.after(this.prng.spread(meanMs), what, () => {
      if (!this.stopped) work();
    });
  }

  private loop(what: string, meanMs: number, work: () => void): void {
    this.world.timeline.after(50 + this.prng.spread(meanMs), what, () => {
      if (this.stopped) return;
      work();
      this.loop(what, meanMs, work);
    });
  }

  private enrol(agent: Enrolment): void {
    const { tenantId, agentId } = agent;
    const token = {
      token_id: `t-${agentId}`,
      token_hash: tokenHash(agentId),
      labels: {},
      expires_at_ms: this.world.timeline.nowMs + farMs,
    };
    this.send(tenantId, { type: 'join-token.create', data: token }, null, () => this.join(agent));
  }

  private join({ tenantId, agentId, labels }: Enrolment): void {
    const { slots, capacity } = this.world.scenario;
    this.send(tenantId, {
      type: 'agent.enrol',
      data: {
        agent_id: agentId,
        name: agentId,
        token_hash: tokenHash(agentId),
        credential_hash: hashHex(`credential of ${agentId}`),
        labels,
        slots,
        ...(capacity && { capacity }),
        executors: ['noop', 'shell'],
        agent_version: '1',
      },
    });
  }

  /** Those for which there was no room may find some. */
  private enrolAgain(): void {
    const { timeline, witness } = this.world;
    timeline.after(2_000 + this.enrolments.spread(4_000), 'enrol-again', () => {
      if (this.stopped) return;
      for (const agent of this.agents) {
        const { tenantId, agentId } = agent;
        if (!witness.ceilings.some((model) => model.wasEnrolled(tenantId, agentId))) this.join(agent);
      }
      this.enrolAgain();
    });
  }

  private submit(): void {
    if (this.tasks >= maxTasks) return;
    const { timeline, scenario, witness } = this.world;
    const tenantId = this.prng.pick(this.busy);
    // Nobody has a key of a tenant that is not there yet.
    if (!witness.tasks.tenants.has(tenantId)) return;
    this.tasks += 1;
    const place = { nowMs: timeline.nowMs, agentIds: this.agentIds(tenantId), requests: scenario.requests };
    const spec = this.admission.keyed(drawTaskSpec(this.prng, place));
    const isKeyed = this.prng.chance(0.5);
    const taskId = `${isKeyed ? 'key' : 'task'}-${this.tasks}`;
    const bodyHash = hashHex(JSON.stringify(spec));
    const keyed = { key_hash: hashHex(`${tenantId}/${taskId}`), body_hash: bodyHash };
    const data = { task_id: taskId, spec, ...(isKeyed && { keyed }) };
    this.send(tenantId, { type: 'task.submit', data }, taskId);
    if (this.prng.chance(0.2)) this.cancelLater(tenantId, taskId);
    if (!isKeyed) return;
    for (let repeats = this.prng.below(4); repeats > 0; repeats--) {
      const other = this.prng.chance(0.2);
      const again = other ? { ...data, keyed: { ...keyed, body_hash: hashHex(`other ${taskId}`) } } : data;
      this.later(5_000, 'repeat', () => this.send(tenantId, { type: 'task.submit', data: again }, taskId));
    }
  }

  private fanOut(): void {
    const tenantId = this.prng.pick(this.busy);
    if (this.world.witness.tasks.tenants.has(tenantId)) {
      this.fanouts.act(tenantId, this.world.timeline.nowMs);
    }
  }

  /** Always the same tenant. */
  private flood(): void {
    const { timeline, scenario, witness } = this.world;
    const tenantId = scenario.tenants[0] as string;
    if (!witness.tasks.tenants.has(tenantId)) return;
    this.floods.flood(tenantId, { nowMs: timeline.nowMs, agentIds: this.agentIds(tenantId) });
  }

  /** Always the same tenant. */
  private crowd(): void {
    const { timeline, scenario, witness } = this.world;
    const tenantId = scenario.tenants[0] as string;
    if (witness.tasks.tenants.has(tenantId)) this.crowds.crowd(tenantId, timeline.nowMs);
  }

  private cancelLater(tenantId: string, taskId: string): void {
    this.later(600, 'cancel', () => this.send(tenantId, { type: 'task.cancel', data: { task_id: taskId } }));
  }

  private changeStates(): void {
    const tenantId = this.prng.pick(this.world.scenario.tenants);
    if (!this.world.witness.tasks.tenants.has(tenantId)) return;
    const states = this.states.get(tenantId) as Map<string, StateSpec>;
    if (states.size === 0 || (states.size < maxStates && this.prng.chance(0.4))) {
      this.versions += 1;
      return this.declare(tenantId, `state-${this.versions}`);
    }
    const stateId = this.prng.pick([...states.keys()]);
    const draw = this.prng.next();
    if (draw < 0.55) return this.update(tenantId, stateId);
    if (draw < 0.65) {
      states.delete(stateId);
      return this.send(tenantId, { type: 'state.delete', data: { state_id: stateId } });
    }
    if (draw < 0.8) return this.send(tenantId, { type: 'state.resume', data: { state_id: stateId } });
    this.send(tenantId, { type: 'state.suspend', data: { state_id: stateId } });
    this.later(2_000, 'resume', () =>
      this.send(tenantId, { type: 'state.resume', data: { state_id: stateId } }),
    );
  }

  private declare(tenantId: string, stateId: string): void {
    const spec = this.windowed(drawStateSpec(this.prng, stateId, 1));
    (this.states.get(tenantId) as Map<string, StateSpec>).set(stateId, spec);
    const data = { state_id: stateId, name: stateId, labels: {}, spec };
    this.send(tenantId, { type: 'state.declare', data });
  }

  /** Of what is declared, or only of a label, which opens no new generation. */
  private update(tenantId: string, stateId: string): void {
    const states = this.states.get(tenantId) as Map<string, StateSpec>;
    this.labels += 1;
    const known = states.get(stateId) as StateSpec;
    const spec = this.prng.chance(0.2)
      ? known
      : this.windowed(drawStateSpec(this.prng, stateId, versionOf(known) + 1));
    states.set(stateId, spec);
    const labels = { change: String(this.labels) };
    this.send(tenantId, { type: 'state.update', data: { state_id: stateId, name: stateId, labels, spec } });
  }

  private windowed(spec: StateSpec): StateSpec {
    return this.windowPrng.chance(0.45) ? { ...spec, windows: this.schedules.windows() } : spec;
  }

  private operate(): void {
    const { tenantId, agentId } = this.prng.pick(this.agents);
    if (this.prng.chance(this.world.scenario.removal)) {
      return this.send(tenantId, { type: 'agent.remove', data: { agent_id: agentId } });
    }
    if (this.resets.chance(0.3)) return this.resetBreaker(tenantId, agentId);
    const { resets, world } = this;
    if (resets.chance(0.2)) this.send(tenantId, { type: 'tenant.release-brake', data: {} });
    const deadlineMs = world.timeline.nowMs + resets.between(0, 1_200);
    this.drain(tenantId, agentId, true, resets.chance(0.6) ? deadlineMs : undefined);
    this.later(2_000, 'undrain', () => this.drain(tenantId, agentId, false));
  }

  private resetBreaker(tenantId: string, agentId: string): void {
    if (this.resets.chance(0.5)) {
      return this.send(tenantId, { type: 'agent.reset-breaker', data: { agent_id: agentId } });
    }
    this.send(tenantId, {
      type: 'domain.reset-breaker',
      data: { domain: this.resets.pick(['a', 'b']) },
    });
  }

  private drain(tenantId: string, agentId: string, drain: boolean, deadlineMs?: number): void {
    const deadline = deadlineMs !== undefined && { deadline_ms: deadlineMs };
    this.send(tenantId, { type: 'agent.drain', data: { agent_id: agentId, drain, ...deadline } });
  }

  /** Sends until the log is known to have it, as a patient client of the API would. */
  private send(
    tenantId: string,
    body: CommandBody,
    taskId: string | null = null,
    then?: () => void,
    toPartition?: number,
  ): void {
    const { timeline, log, topics, witness, scenario } = this.world;
    this.commands += 1;
    const id = `c-${this.commands}`;
    witness.submitted(id, tenantId, taskId);
    const actor = `key:k-${tenantId}`;
    const provenance = { actor, reason: null, causationId: id, correlationId: id, traceparent: null };
    const command = { ...body, id, tenantId, provenance } as Command;
    const context: ContextName = body.type.startsWith('state.') ? 'states' : 'tasks';
    const partition = toPartition ?? partitionOf(tenantId, scenario.partitions);
    const tp = { topic: topics.commands[context], partition };
    if (this.prng.chance(scenario.poison)) log.land(tp, [poison(tenantId, id)]);
    const again = (failure: AppendFailure): void => {
      // Without a key the API would make another task of it.
      if (body.type === 'task.submit' && !body.data.keyed && failure === 'unknown') return;
      timeline.after(this.prng.spread(retryMs), 'send-again', () =>
        this.send(tenantId, body, taskId, then, toPartition),
      );
    };
    log.append(tp, [encodeCommand(command, timeline.nowMs)], {
      ok: () => {
        witness.acknowledged(id);
        then?.();
      },
      failed: again,
    });
  }
}

function tokenHash(agentId: string): string {
  return hashHex(`token of ${agentId}`);
}

/** What a command topic should never hold; with and without a sender that can be answered. */
function poison(tenantId: string, id: string) {
  const headers = { ce_type: 'task.submit.v9', ce_tenantid: tenantId };
  return { key: tenantId, value: Buffer.from(`not json, before ${id}`), headers };
}
