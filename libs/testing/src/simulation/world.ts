import { makeStatesContext } from '@fluxforge/domain/states-context';
import { makeTasksContext, queueDepths } from '@fluxforge/domain/tasks-context';
import { type ContextName, type EventBody, type Fact } from '@fluxforge/events/catalogue';
import { type TopicPartition } from '@fluxforge/events/log';
import { topicsOf } from '@fluxforge/events/topics';
import { Agent, type AgentWorld } from './agent.js';
import { Clients, type Enrolment } from './clients.js';
import { ControlProcess } from './control-process.js';
import { type ControlWorld, type TasksUnit } from './control-world.js';
import { Counters } from './counters.js';
import { CutModels } from './cuts/index.js';
import { FaultyLog } from './faulty-log.js';
import { Flood, type Told } from './flood/index.js';
import { type JournalModel } from './journal-model.js';
import { Machines } from './machines.js';
import { Nemesis } from './nemesis.js';
import { Network } from './network.js';
import { PlacementGroup } from './placement-group.js';
import { Prng } from './prng.js';
import { Projector } from './projector.js';
import { drawScenario, type Scenario } from './scenario.js';
import { Snapshots } from './snapshots.js';
import { difference, textOf } from './snapshot-text.js';
import { Telemetry } from './telemetry.js';
import { Timeline } from './timeline.js';
import { insist, Violation } from './violation.js';
import { Witness } from './witness.js';

const addresses = ['node-a', 'node-b'] as const;
const contexts = ['tasks', 'states'] as const;
/** After healing everything must have come to its end within this. */
const livenessMs = 240_000;
const lookEveryMs = 500;
/** Longer than progress takes to be written. */
const settlesWithinMs = 1_500;
const maxLooks = 20;

/** The whole control plane in one thread, on virtual time, with everything that can go wrong going wrong. */
export class World {
  readonly scenario: Scenario;
  readonly timeline: Timeline;
  readonly counters = new Counters();
  readonly witness: Witness;
  private readonly root: Prng;
  private readonly log: FaultyLog;
  private readonly network: Network;
  private readonly telemetry: Telemetry;
  private readonly machines: Machines;
  private readonly nemesis: Nemesis;
  private readonly clients: Clients;
  private readonly flood: Flood | null;
  private readonly agents: Agent[];
  private readonly cuts: CutModels;
  private readonly projectors: Projector[] = [];
  private readonly snapshots: ReturnType<World['makeSnapshots']>;
  private readonly current = new Map<string, ControlProcess>();
  private processes: ControlProcess[] = [];
  private readonly controlWorld: ControlWorld;
  private readonly topics = topicsOf('sim');
  private incarnations = 0;

  constructor(seed: number) {
    this.root = new Prng(`seed ${seed}`);
    this.scenario = drawScenario(seed, this.root.fork('scenario'));
    this.timeline = new Timeline(this.root.fork('ties'), this.scenario.startMs);
    const { scenario, timeline, topics, counters, root } = this;
    this.log = new FaultyLog(timeline, root.fork('log'), scenario.log);
    for (const context of contexts) {
      this.log.core.createTopic(topics.events[context], scenario.partitions);
      this.log.core.createTopic(topics.commands[context], scenario.partitions);
    }
    this.witness = new Witness(scenario, timeline, topics, counters);
    this.cuts = new CutModels({ ...this, topics, journals: this.witness.journals }, root.fork('cuts'));
    this.network = new Network(timeline, root.fork('network'), scenario.network);
    this.telemetry = new Telemetry(timeline, root.fork('telemetry'), scenario.telemetryLoss);
    this.telemetry.processes = () => this.processes;
    this.machines = new Machines(root.fork('machines'));
    this.snapshots = this.makeSnapshots();
    this.controlWorld = this.makeControlWorld();
    const enrolments = this.enrolments();
    this.agents = enrolments.map((enrolment) => this.makeAgent(enrolment));
    this.clients = new Clients(
      { ...this, scenario, log: this.log, topics },
      root.fork('workload'),
      enrolments,
    );
    const flooded = { ...this, log: this.log, topics, owner: (context: ContextName) => this.owner(context) };
    this.flood = scenario.flood && new Flood(flooded, scenario.flood, root.fork('flood'));
    this.nemesis = new Nemesis(timeline, root.fork('nemesis'), scenario, this.victims());
    for (const context of contexts) {
      for (let partition = 0; partition < scenario.partitions; partition++) {
        const tp = { topic: topics.events[context], partition };
        const prng = root.fork(`projector/${context}/${partition}`);
        this.projectors.push(new Projector(timeline, this.log, prng, counters, tp, scenario.projectorCrash));
      }
    }
    this.log.onLanded = (tp, records) => {
      this.witness.landed(tp, records);
      this.cuts.landed(tp, records);
      this.wake(tp);
    };
    this.witness.runsInTime = (tenantId, agentId, key) =>
      this.agents.some(
        (a) => a.tenantId === tenantId && a.name === agentId && a.process.running && a.runsInTime(key),
      );
  }

  /** Chaos, then healing, then everything must come to its end. Throws what is broken. */
  run(): void {
    for (const address of addresses) this.startNode(address);
    for (const agent of this.agents) agent.start();
    this.clients.start();
    this.flood?.start();
    this.nemesis.start();
    for (const context of contexts) {
      for (const snapshots of this.snapshots[context]) snapshots.start(this.scenario.snapshotEveryMs);
    }
    this.runUntil(this.timeline.nowMs + this.scenario.chaosMs, () => false);
    this.heal();
    const deadlineMs = this.timeline.nowMs + livenessMs;
    let why: string | null = null;
    const ended = this.runUntil(deadlineMs, () => {
      why = this.unsettled();
      return why === null;
    });
    this.counters.add('unknown outcome', this.log.unknownOutcomes);
    if (!ended) throw new Violation('I2L liveness', `not at rest ${livenessMs} ms after healing: ${why}`);
    this.insistQuiet();
    // What was sent in the chaos can land even now; it is void, and is still to be read.
    this.runUntil(this.timeline.nowMs + settlesWithinMs, () => this.unsettled() === null);
    this.compareAtTheEnd();
  }

  /**
   * A system at rest writes nothing: a log that is kept for ever must not grow by itself. Somebody may still
   * ask for something, or be missed, for a while; but there must come a time when nothing is written.
   */
  private insistQuiet(): void {
    let before = this.eventsAccepted();
    for (let looks = 0; looks < maxLooks; looks++) {
      this.runUntil(this.timeline.nowMs + settlesWithinMs, () => false);
      const after = this.eventsAccepted();
      if (after === before) return;
      before = after;
    }
    throw new Violation('I15 nothing grows', `at rest, and still the logs grow: ${before}`);
  }

  private eventsAccepted(): string {
    const { tasks, states } = this.witness.journals;
    return [...tasks, ...states].map(({ accepted }) => accepted.length).join();
  }

  /** True as soon as `done` holds, looked at now and then; false when the time is over. */
  private runUntil(endMs: number, done: () => boolean): boolean {
    let lookAtMs = this.timeline.nowMs + lookEveryMs;
    while (this.timeline.nowMs < endMs) {
      if (!this.timeline.step()) throw new Violation('I2L liveness', 'nothing is due any more');
      if (this.timeline.nowMs < lookAtMs) continue;
      lookAtMs = this.timeline.nowMs + lookEveryMs;
      if (done()) return true;
    }
    return false;
  }

  private heal(): void {
    this.timeline.mark('heal');
    this.log.heal();
    this.network.heal();
    this.telemetry.heal();
    this.machines.flaky = 0;
    this.clients.stop();
    this.nemesis.heal();
    for (const projector of this.projectors) projector.heal();
  }

  private unsettled(): string | null {
    const unfinished = this.witness.unfinished() ?? this.witness.states.unsettled(this.machines);
    if (unfinished) return unfinished;
    for (const agent of this.agents) {
      // Nobody listens to one that was removed.
      const isThere = this.witness.tasks.agentOf(agent.tenantId, agent.name) !== undefined;
      if (isThere && !agent.idle) return `${agent.name} still holds leases or reports`;
    }
    for (const context of contexts) {
      for (let p = 0; p < this.scenario.partitions; p++) {
        if (!this.leader(context, p)) return `nobody leads ${context}/${p} with nothing left to do`;
      }
    }
    return this.projectors.every((projector) => projector.isAtEnd) ? null : 'a projection lags';
  }

  /** The host that leads a partition and has taken in everything there is. */
  private leader(context: ContextName, partition: number) {
    for (const process of this.processes) {
      const unit = process[context].get(partition);
      if (unit?.host.leading && unit.isAtRest) return unit;
    }
    return null;
  }

  /** What the owner of the first partition tells API servers now. */
  private owner(context: ContextName): Told | null {
    for (const process of this.processes) {
      const unit = process[context].get(0);
      if (!unit?.host.leading || !process.process.running) continue;
      if (!unit.host.fresh(process.nowMs()) || !unit.host.settled) continue;
      const depths = context === 'tasks' ? queueDepths((unit as TasksUnit).view) : [];
      const queued = depths.map(({ tenantId, queued }) => [tenantId, queued] as const);
      return { pulse: unit.pulse, queued: new Map(queued) };
    }
    return null;
  }

  private compareAtTheEnd(): void {
    this.cuts.judge();
    const { journals } = this.witness;
    for (const projector of this.projectors) {
      const context = projector.tp.topic === this.topics.events.tasks ? 'tasks' : 'states';
      projector.compare(journals[context][projector.tp.partition] as JournalModel);
    }
    for (let p = 0; p < this.scenario.partitions; p++) {
      const own = (context: ContextName) =>
        (journals[context][p] as JournalModel).accepted.map(({ event }) => event.fact);
      const [tasks, states] = [own('tasks'), own('states')];
      this.compareState('tasks', p, replay(makeTasksContext(this.scenario.tasksPolicy), p, tasks, states));
      this.compareState('states', p, replay(makeStatesContext(this.scenario.statesPolicy), p, states, tasks));
    }
  }

  private compareState(context: ContextName, partition: number, expected: string): void {
    const unit = this.leader(context, partition);
    const found = unit ? unit.serialized() : '';
    insist(found === expected, 'I23 replay', () => `${context}/${partition}: ${difference(found, expected)}`);
  }

  private startNode(address: string): ControlProcess {
    this.incarnations += 1;
    const { skewMs } = this.scenario.nodes;
    const skew = skewMs === 0 ? 0 : this.root.fork(`skew/${address}`).between(-skewMs, skewMs);
    const process = new ControlProcess(this.controlWorld, address, skew);
    this.current.set(address, process);
    this.processes = [...this.processes.filter((other) => other.process.alive), process];
    process.start();
    return process;
  }

  private wake(tp: TopicPartition): void {
    for (const process of this.processes) if (process.process.alive) process.wake(tp);
    for (const projector of this.projectors) {
      if (projector.tp.topic === tp.topic && projector.tp.partition === tp.partition) projector.wake();
    }
  }

  private enrolments(): Enrolment[] {
    const draw = this.root.fork('agents');
    return this.scenario.tenants.flatMap((tenantId) =>
      Array.from({ length: this.scenario.agentsPerTenant }, (_, i) => ({
        tenantId,
        // The same names in both tenants: an id alone must never find anything.
        agentId: `agent-${i}`,
        labels: { zone: draw.pick(['a', 'b']) },
      })),
    );
  }

  private makeAgent({ tenantId, agentId, labels }: Enrolment): Agent {
    const prng = this.root.fork(`agent/${tenantId}/${agentId}`);
    const world: AgentWorld = {
      timeline: this.timeline,
      network: this.network,
      machines: this.machines,
      witness: this.witness,
      ids: this.root.fork(`ids/${tenantId}/${agentId}`),
      server: (address) => this.current.get(address),
      addresses,
    };
    return new Agent(world, prng, tenantId, agentId, this.scenario, labels);
  }

  private makeControlWorld(): ControlWorld {
    const { scenario, timeline, topics, root, counters } = this;
    return {
      counters,
      timeline,
      log: this.log,
      topics,
      scenario,
      prng: root.fork('timers'),
      ids: root.fork('ids'),
      groups: {
        tasks: new PlacementGroup(
          scenario.partitions,
          root.fork('group/tasks'),
          scenario.nodes.doublePlacement,
        ),
        states: new PlacementGroup(
          scenario.partitions,
          root.fork('group/states'),
          scenario.nodes.doublePlacement,
        ),
      },
      telemetry: this.telemetry,
      snapshot: (context, partition) => {
        const snapshot = this.snapshots[context][partition]?.load() ?? null;
        if (snapshot) this.counters.add('snapshot');
        return snapshot;
      },
      witness: this.witness,
      onDeadLetter: (tp, offset) => {
        this.counters.add('poison');
        this.witness.parked(tp, offset);
      },
      onLeading: (process, unit, terms) => this.witness.leads(process, unit, terms),
      onStopped: (unit, reason) => {
        throw new Violation('no partition stops', `${unit}: ${reason}`);
      },
    };
  }

  private makeSnapshots() {
    const { timeline, log, topics, scenario, root } = this;
    const partitions = Array.from({ length: scenario.partitions }, (_, p) => p);
    const of = (context: ContextName, p: number) => root.fork(`snapshots/${context}/${p}`);
    const { tasksPolicy, statesPolicy } = scenario;
    return {
      tasks: partitions.map(
        (p) => new Snapshots(timeline, log, topics, of('tasks', p), makeTasksContext(tasksPolicy), p),
      ),
      states: partitions.map(
        (p) => new Snapshots(timeline, log, topics, of('states', p), makeStatesContext(statesPolicy), p),
      ),
    };
  }

  private victims() {
    const { agents, network, machines, counters } = this;
    return {
      addresses,
      current: (address: string) => this.current.get(address),
      start: (address: string) => this.startNode(address),
      groups: [this.controlWorld.groups.tasks, this.controlWorld.groups.states],
      agents,
      network,
      machines,
      counters,
    };
  }
}

interface Folding<State> {
  initial(partition: number): State;
  evolve(state: State, fact: never): void;
  evolveForeign(state: State, fact: never): void;
  serialize(state: State): unknown;
}

/** Both folds from the start, in a fresh state, as text. */
function replay<State>(
  context: Folding<State>,
  partition: number,
  own: readonly Fact<EventBody>[],
  foreign: readonly Fact<EventBody>[],
): string {
  const state = context.initial(partition);
  for (const fact of own) context.evolve(state, fact as never);
  for (const fact of foreign) context.evolveForeign(state, fact as never);
  return textOf(context.serialize(state));
}
