import { type Marks } from '@fluxforge/domain/modes';
import { type ReconcilerMessage } from '@fluxforge/domain/reconciling';
import { makeStatesContext, type StatesEffect } from '@fluxforge/domain/states-context';
import { makeTasksContext } from '@fluxforge/domain/tasks-context';
import { type CheckRequest, type ContextName } from '@fluxforge/events/catalogue';
import { newOwnerId } from '@fluxforge/events/journal';
import { type TopicPartition } from '@fluxforge/events/log';
import { type HostSettings } from '@fluxforge/events/partition-host';
import { partitionOf } from '@fluxforge/events/partitioner';
import { ControlStreams } from './control-streams.js';
import { type ControlWorld, type StatesUnit, type StreamsOwner, type TasksUnit } from './control-world.js';
import { withExplanations } from './explain-model.js';
import { withFairness } from './fairness-model.js';
import { withRoomKept } from './room-model.js';
import { HostUnit } from './host-unit.js';
import { withLeaseTimes } from './lease-time-model.js';
import { type Up } from './messages.js';
import { type Connection, type Server } from './network.js';
import { withOverload } from './overload-model.js';
import { type Member, type Placed } from './placement-group.js';
import { PressureSeries } from './pressure-series.js';
import { Process } from './process.js';
import { withBytesCounted } from './quota-model.js';
import { withTargetExplanations } from './target-explain-model.js';
import { confirmIntervalMs } from './timing.js';
import { withWindows } from './window-model.js';

type Unit = TasksUnit | StatesUnit;

/** As production hosts are ticked. */
const tickEveryMs = 20;

const beatEveryMs = 250;
const contexts = ['tasks', 'states'] as const;

/** One incarnation of a control node: a dispatcher and a reconciler in one process, under one owner id. */
export class ControlProcess implements Server, Member, StreamsOwner {
  readonly process = new Process();
  readonly ownerId: string;
  readonly tasks = new Map<number, TasksUnit>();
  readonly states = new Map<number, StatesUnit>();
  private readonly streams: ControlStreams;
  private readonly placed: Record<ContextName, Placed>;
  private readonly loopDelay: PressureSeries;
  private readonly commitLatency: readonly PressureSeries[];

  constructor(
    private readonly world: ControlWorld,
    /** The address, which the next incarnation in the same place has as well. */
    readonly name: string,
    private readonly skewMs: number,
  ) {
    this.ownerId = newOwnerId((count) => world.ids.bytes(count));
    const nowhere = { memberId: 0, generation: -1, partitions: [] };
    this.placed = { tasks: nowhere, states: nowhere };
    this.streams = new ControlStreams(this, world);
    const { eventLoopDelayMs, commitLatencyMs } = world.scenario.tasksPolicy.overload;
    this.loopDelay = this.pressure('event loop', eventLoopDelayMs);
    this.commitLatency = Array.from({ length: world.scenario.partitions }, (_, p) =>
      this.pressure(`commits/${p}`, commitLatencyMs),
    );
    for (let p = 0; p < world.scenario.partitions; p++) {
      this.tasks.set(p, this.makeTasksUnit(p));
      this.states.set(p, this.makeStatesUnit(p));
    }
  }

  start(): void {
    const { timeline, prng } = this.world;
    for (const unit of this.units()) timeline.after(prng.below(tickEveryMs), 'tick', () => this.tick(unit));
    timeline.after(prng.below(beatEveryMs), 'beat', () => this.beat());
  }

  nowMs(): number {
    return this.world.timeline.nowMs + this.skewMs;
  }

  holds(context: ContextName, partition: number): boolean {
    return this.placed[context].partitions.includes(partition);
  }

  wake(tp: TopicPartition): void {
    this.tasks.get(tp.partition)?.wake(tp);
    this.states.get(tp.partition)?.wake(tp);
  }

  receive(connection: Connection, message: Up): void {
    this.streams.receive(connection, message);
  }

  disconnected(connection: Connection): void {
    this.streams.disconnected(connection);
  }

  /** A check request that this process follows the topic for. */
  forward(partition: number, request: CheckRequest): void {
    if (this.tasks.get(partition)?.host.leading) this.streams.forward(request);
  }

  /** A check result likewise. */
  take(partition: number, message: ReconcilerMessage): void {
    const unit = this.states.get(partition);
    if (unit?.host.leading) unit.offer(message, 0, `agent:${message.agentId}`);
  }

  addressOf(tenantId: string): string {
    const { groups, scenario } = this.world;
    return groups.tasks.holderOf(partitionOf(tenantId, scenario.partitions))?.name ?? '';
  }

  kill(): void {
    this.process.kill();
    this.streams.die();
  }

  private tick(unit: Unit): void {
    if (!this.process.alive) return;
    this.world.timeline.after(tickEveryMs, 'tick', () => this.tick(unit));
    if (!this.process.running) return;
    unit.tick();
    const { settings, host } = unit;
    // A tick that leaves no batch under way found nothing to do.
    const isAtRest = host.leading && host.settled && host.ownerState === 'leading';
    if (isAtRest) this.world.witness.rested(settings, host.terms, this.nowMs());
  }

  private beat(): void {
    if (!this.process.alive) return;
    const { timeline, prng, groups } = this.world;
    timeline.after(beatEveryMs, 'beat', () => this.beat());
    if (!this.process.running) return;
    this.sayPressure();
    for (const context of contexts) {
      const said = groups[context].beat(this, timeline.nowMs);
      timeline.after(prng.between(1, 8), 'beat-answer', () =>
        this.process.enter(() => this.heard(context, said)),
      );
    }
  }

  private heard(context: ContextName, said: Placed): void {
    const before = this.placed[context];
    const units: ReadonlyMap<number, Unit> = context === 'tasks' ? this.tasks : this.states;
    if (said.generation === before.generation && said.memberId === before.memberId) {
      for (const p of said.partitions) units.get(p)?.heartbeat(said.generation);
      return;
    }
    this.placed[context] = said;
    for (const p of before.partitions) if (!said.partitions.includes(p)) units.get(p)?.revoked();
    for (const p of said.partitions) units.get(p)?.assigned(said.generation);
    if (context === 'tasks') this.streams.sendOn();
  }

  /** As production dispatchers say it of themselves, until the chaos is over: then all goes well. */
  private sayPressure(): void {
    const { timeline, scenario } = this.world;
    const { nowMs } = timeline;
    const isChaos = nowMs - timeline.startMs < scenario.chaosMs;
    const eventLoopDelayMs = isChaos ? this.loopDelay.at(nowMs) : 0;
    for (const [partition, unit] of this.tasks) {
      const commitLatencyMs = isChaos ? (this.commitLatency[partition]?.at(nowMs) ?? 0) : 0;
      const message = { kind: 'pressure', eventLoopDelayMs, commitLatencyMs } as const;
      if (unit.host.leading) unit.offer(message, 0, 'system:dispatcher');
    }
  }

  private pressure(what: string, marks: Marks): PressureSeries {
    const { prng, scenario } = this.world;
    const { tasksPolicy, pressureEveryMs } = scenario;
    const own = prng.fork(`pressure/${this.ownerId}/${what}`);
    return new PressureSeries(own, marks, tasksPolicy.overload, pressureEveryMs);
  }

  private units(): Unit[] {
    return [...this.tasks.values(), ...this.states.values()];
  }

  private settings(context: ContextName, partition: number): HostSettings {
    return {
      context,
      partition,
      ownerId: this.ownerId,
      address: this.name,
      epoch: 1,
      confirmIntervalMs,
      backoffBaseMs: 40,
      backoffMaxMs: 600,
      maxBatchBytes: 512 * 1024,
      maxQueuedRecords: 200,
      progressIntervalMs: 300,
      ...this.world.scenario.limits,
    };
  }

  private makeTasksUnit(partition: number): TasksUnit {
    const { scenario, counters } = this.world;
    const counted = withBytesCounted(makeTasksContext(scenario.tasksPolicy));
    const rules = withLeaseTimes(withExplanations(counted, counters), counters);
    const context = withOverload(withRoomKept(withFairness(rules, counters), counters), counters);
    const settings = this.settings('tasks', partition);
    const unit = new HostUnit(this.process, context, settings, this.world, () => this.nowMs());
    unit.duties = {
      onEffects: (effects) => {
        for (const { effect, offset } of effects) {
          this.world.witness.effect(unit.settings, unit.host.terms, effect, offset);
          this.streams.carryOut(unit, effect);
        }
      },
      onSettled: (tickets) => this.streams.settled(tickets),
      onDeciding: () => this.streams.led(partition),
      onFallen: () => this.streams.fell(partition),
      onTurn: () => this.streams.flush(),
    };
    return unit;
  }

  private makeStatesUnit(partition: number): StatesUnit {
    const { scenario, counters } = this.world;
    const { statesPolicy } = scenario;
    const rules = withWindows(makeStatesContext(statesPolicy), statesPolicy, counters);
    const context = withTargetExplanations(rules, statesPolicy, counters);
    const settings = this.settings('states', partition);
    const unit = new HostUnit(this.process, context, settings, this.world, () => this.nowMs());
    unit.duties = {
      onEffects: (effects) => {
        for (const { effect } of effects) this.sendChecks(unit, effect);
      },
      onSettled: () => undefined,
      onDeciding: () => undefined,
      onFallen: () => undefined,
      onTurn: () => undefined,
    };
    return unit;
  }

  private sendChecks({ settings, host }: StatesUnit, { tenantId, agentId, checks }: StatesEffect): void {
    this.world.witness.effect(settings, host.terms, null, null);
    const request: CheckRequest = { tenant_id: tenantId, agent_id: agentId, checks: [...checks] };
    this.world.telemetry.askChecks(settings.partition, request);
  }
}
