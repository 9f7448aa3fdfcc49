import { type BrakePolicy } from '@fluxforge/domain/brake';
import { type BreakerPolicies } from '@fluxforge/domain/breakers';
import { type StatesPolicy } from '@fluxforge/domain/states-context';
import { type TasksPolicy } from '@fluxforge/domain/tasks-context';
import { type Resources } from '@fluxforge/events/catalogue';
import { drawFlood, type FloodScenario } from './flood-scenario.js';
import { type Prng } from './prng.js';
import { moments, type Moment } from './schedule-clients.js';

/** Probabilities of what becomes of an append, and how long it takes. What is left is a good one. */
export interface LogFaults {
  readonly lostAck: number;
  readonly late: number;
  readonly never: number;
  readonly leadership: number;
  readonly notWritten: number;
  readonly duplicate: number;
  readonly slow: number;
  readonly readFails: number;
}

export interface NetworkFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly meanDelayMs: number;
  /** Messages may overtake each other; else each direction keeps its order. */
  readonly reorder: boolean;
  readonly cutEveryMs: number;
}

/** A spell in which nothing is started anywhere. */
export interface DrainScenario {
  /** After the start. */
  readonly atMs: number;
  readonly forMs: number;
  /** Who calls for it: the operator, or each tenant for itself. */
  readonly by: 'cluster' | 'tenants';
}

/** Mean times between faults of a kind; Infinity: never in this seed. */
export interface NodeFaults {
  readonly crashEveryMs: number;
  readonly pauseEveryMs: number;
  readonly twinEveryMs: number;
  readonly swapEveryMs: number;
  readonly groupResetEveryMs: number;
  /** How often a partition is placed on two nodes at once. */
  readonly doublePlacement: number;
  readonly skewMs: number;
}

export interface Scenario {
  readonly seed: number;
  /** Virtual time begins shortly before a moment that schedules are about. */
  readonly startMs: number;
  readonly moment: Moment;
  readonly scheduleEveryMs: number;
  /** For so long no control process runs at all; 0: that does not happen. */
  readonly blackoutMs: number;
  readonly partitions: number;
  readonly tenants: readonly string[];
  readonly agentsPerTenant: number;
  readonly slots: number;
  /** Of every agent; null: they do not say. */
  readonly capacity: Resources | null;
  /** How often a task asks for slots, CPU or memory. */
  readonly requests: number;
  /** Of the tenants, in their order. */
  readonly weights: readonly number[];
  readonly chaosMs: number;
  /** Null: nobody floods. */
  readonly flood: FloodScenario | null;
  readonly log: LogFaults;
  readonly network: NetworkFaults;
  readonly nodes: NodeFaults;
  readonly agentCrashEveryMs: number;
  readonly relabelEveryMs: number;
  /** Mean time between spells in which a machine can do nothing right. */
  readonly sickEveryMs: number;
  /** How often what an operator does to an agent is to remove it. */
  readonly removal: number;
  readonly telemetryLoss: number;
  readonly poison: number;
  readonly taskEveryMs: number;
  readonly stateEveryMs: number;
  readonly driftEveryMs: number;
  readonly limitsEveryMs: number;
  readonly fanoutEveryMs: number;
  readonly modeEveryMs: number;
  /** Null: there is no such spell. */
  readonly drain: DrainScenario | null;
  /** Mean time between floods of one client; Infinity: never. */
  readonly floodEveryMs: number;
  readonly crowdEveryMs: number;
  /** Mean time between spells in which a dispatcher is slow; Infinity: never. */
  readonly pressureEveryMs: number;
  readonly projectorCrash: number;
  readonly snapshotEveryMs: number;
  readonly limits: { readonly maxBatchRecords: number; readonly maxQueuedMessages: number };
  readonly tasksPolicy: TasksPolicy;
  readonly statesPolicy: StatesPolicy;
}

/** How often there is one where the history is no longer one. */
const attacked = 0.15;
/** Of the others, in which one tenant's agents have no time for large tasks. */
const crowdedShare = 0.15;
/** Of those without an attack, in which all is drained for a while. */
const drainedShare = 0.4;
const wide = { max_queued_tasks: 1_000, max_queued_bytes: 1_000_000, max_agents: 100 };
const tenantNames = ['acme', 'globex', 'initech', 'umbrella', 'hooli', 'stark'] as const;

/** Swarm: each seed draws which faults there are and how often, the topology, and extremes of settings. */
export function drawScenario(seed: number, prng: Prng): Scenario {
  const some = (probability: number, low: number, high: number): number =>
    prng.chance(probability) ? low + prng.next() * (high - low) : 0;
  const every = (probability: number, low: number, high: number): number =>
    prng.chance(probability) ? prng.between(low, high) : Infinity;
  const clock = prng.fork('clock');
  const moment = clock.pick(moments);
  // Expressions name whole minutes: only a longer history has more than one of them.
  const longerMs = clock.chance(0.3) ? clock.between(62_000, 100_000) : 0;
  const blackoutMs = clock.chance(0.4) ? longerMs : 0;
  const floods = prng.fork('floods');
  const floodEveryMs = floods.chance(0.3) ? floods.between(3_000, 9_000) : Infinity;
  const first = prng.below(tenantNames.length);
  const second = (first + 1 + prng.below(tenantNames.length - 1)) % tenantNames.length;
  const scenario: Scenario = {
    seed,
    startMs: moment.atMs - clock.between(8_000, 25_000),
    moment,
    scheduleEveryMs: clock.pick([1_500, 4_000]),
    blackoutMs,
    partitions: prng.between(1, 2),
    tenants: [tenantNames[first] as string, tenantNames[second] as string],
    agentsPerTenant: prng.between(1, 2),
    slots: prng.between(1, 3),
    capacity: prng.chance(0.6) ? { cpu_millis: prng.between(500, 2_000), memory_bytes: 1_000 } : null,
    requests: some(0.7, 0.1, 0.7),
    weights: [prng.pick([1, 1, 2, 5]), prng.pick([1, 1, 3])],
    chaosMs: prng.between(24_000, 36_000) + longerMs,
    flood: null,
    log: {
      lostAck: some(0.5, 0.002, 0.02),
      late: some(0.5, 0.002, 0.02),
      never: some(0.4, 0.002, 0.015),
      leadership: some(0.4, 0.002, 0.015),
      notWritten: some(0.3, 0.01, 0.08),
      duplicate: some(0.5, 0.01, 0.08),
      slow: some(0.5, 0.02, 0.15),
      readFails: some(0.3, 0.01, 0.1),
    },
    network: {
      drop: some(0.6, 0.01, 0.12),
      duplicate: some(0.5, 0.01, 0.1),
      meanDelayMs: prng.pick([2, 8, 40]),
      reorder: prng.chance(0.5),
      cutEveryMs: every(0.6, 4_000, 15_000),
    },
    nodes: {
      crashEveryMs: every(0.6, 5_000, 20_000),
      pauseEveryMs: every(0.6, 4_000, 15_000),
      twinEveryMs: every(0.5, 5_000, 20_000),
      swapEveryMs: every(0.7, 3_000, 12_000),
      doublePlacement: some(0.4, 0.05, 0.35),
      groupResetEveryMs: every(0.15, 10_000, 30_000),
      skewMs: prng.pick([0, 50, 2_000]),
    },
    agentCrashEveryMs: every(0.6, 4_000, 15_000),
    relabelEveryMs: every(0.3, 8_000, 20_000),
    sickEveryMs: clock.chance(0.5) ? clock.between(2_000, 8_000) : Infinity,
    removal: some(0.2, 0.1, 0.3),
    telemetryLoss: some(0.6, 0.02, 0.3),
    poison: some(0.4, 0.01, 0.04),
    taskEveryMs: prng.pick([250, 500, 1_000]),
    stateEveryMs: prng.between(2_500, 6_000),
    driftEveryMs: prng.between(2_500, 8_000),
    limitsEveryMs: every(0.5, 3_000, 10_000),
    fanoutEveryMs: every(0.5, 2_000, 6_000),
    modeEveryMs: every(0.35, 4_000, 12_000),
    drain: null,
    floodEveryMs,
    crowdEveryMs: Infinity,
    pressureEveryMs: every(0.3, 3_000, 8_000),
    snapshotEveryMs: every(0.7, 800, 5_000),
    projectorCrash: some(0.7, 0.02, 0.2),
    limits: { maxBatchRecords: prng.pick([4, 16, 500]), maxQueuedMessages: prng.pick([3, 10_000]) },
    tasksPolicy: floodEveryMs === Infinity ? drawTasksPolicy(prng) : floodable(drawTasksPolicy(prng)),
    statesPolicy: drawStatesPolicy(prng),
  };
  const flood = prng.fork('flood');
  if (longerMs === 0 && flood.chance(attacked)) return flooded(scenario, flood);
  const drain = prng.fork('drain');
  const crowd = prng.fork('crowd');
  if (longerMs === 0 && crowd.chance(crowdedShare)) return drained(crowded(scenario, crowd), drain);
  const declared = prng.fork('declared bytes');
  return drained(declared.chance(0.2) ? terse(scenario, declared.pick([1_000, 2_000])) : scenario, drain);
}

/** At times, about the middle: so that something is held back, and there is time to go on. */
function drained(scenario: Scenario, prng: Prng): Scenario {
  if (!prng.chance(drainedShare)) return scenario;
  const atMs = Math.round(scenario.chaosMs * (0.35 + 0.3 * prng.next()));
  const forMs = prng.between(2_000, 9_000);
  return { ...scenario, drain: { atMs, forMs, by: prng.pick(['cluster', 'tenants']) } };
}

/** In which a tenant that was never told otherwise may declare hardly anything, in either context. */
function terse(scenario: Scenario, bytes: number): Scenario {
  const { tasksPolicy, statesPolicy } = scenario;
  return {
    ...scenario,
    tasksPolicy: {
      ...tasksPolicy,
      defaultLimits: { ...tasksPolicy.defaultLimits, max_declared_bytes: bytes },
    },
    statesPolicy: { ...statesPolicy, defaultMaxDeclaredBytes: bytes },
  };
}

/** More agents, which one tenant's small tasks leave no time for its large ones. */
function crowded(scenario: Scenario, prng: Prng): Scenario {
  const { tasksPolicy } = scenario;
  return {
    ...scenario,
    partitions: 1,
    agentsPerTenant: prng.between(3, 5),
    slots: 2,
    capacity: null,
    chaosMs: prng.between(12_000, 16_000),
    taskEveryMs: 2_000,
    crowdEveryMs: prng.between(120, 250),
    floodEveryMs: Infinity,
    limitsEveryMs: Infinity,
    modeEveryMs: Infinity,
    tasksPolicy: {
      ...tasksPolicy,
      agingMs: 100,
      keeping: { oneIn: prng.pick([1, 2, 2, 3]), atMost: 3 },
      overload: { ...tasksPolicy.overload, queued: { high: 1_000, low: 500 } },
      defaultLimits: { ...tasksPolicy.defaultLimits, ...wide },
      endedKept: 100_000,
    },
  };
}

/** More tenants in one partition, shorter, and with a bound on picks that comes within reach. */
function flooded(scenario: Scenario, prng: Prng): Scenario {
  const tenants = tenantNames.slice(0, prng.between(3, tenantNames.length));
  return {
    ...scenario,
    blackoutMs: 0,
    partitions: 1,
    tenants,
    weights: tenants.map(() => prng.pick([1, 1, 2, 5])),
    agentsPerTenant: 1,
    slots: prng.between(2, 6),
    chaosMs: prng.between(14_000, 20_000),
    flood: drawFlood(tenants, prng),
    floodEveryMs: Infinity,
    limitsEveryMs: Infinity,
    tasksPolicy: {
      ...scenario.tasksPolicy,
      fairness: { minChargeMs: 10, maxLeadMs: prng.pick([20, 100]) },
      // So much ends in a flood that what lands twice would find nothing of the first time.
      endedKept: 100_000,
      fanouts: { ...scenario.tasksPolicy.fanouts, keptBytes: 1_000_000 },
    },
  };
}

function drawTasksPolicy(prng: Prng): TasksPolicy {
  const heartbeatMs = prng.pick([200, 400]);
  const ceilings = prng.fork('ceilings');
  return {
    heartbeatMs,
    leaseMs: prng.pick([1_200, 2_500]),
    leaseMarginMs: prng.pick([400, 900]),
    agentTtlMs: prng.pick([900, 2_000]),
    agingMs: prng.pick([100, 30_000]),
    fairness: { minChargeMs: prng.pick([1, 10]), maxLeadMs: prng.pick([100, 1_000]) },
    keeping: { oneIn: prng.fork('keeping').pick([1, 2, 10]), atMost: 3 },
    overload: {
      queued: prng.pick([
        { high: 6, low: 3 },
        { high: 1_000, low: 500 },
        { high: 1_000, low: 500 },
      ]),
      eventLoopDelayMs: { high: 100, low: 20 },
      commitLatencyMs: { high: 100, low: 50 },
      enterAfterMs: 500,
      leaveAfterMs: 1_500,
    },
    breakers: drawBreakers(prng.fork('breakers')),
    brake: drawBrake(prng.fork('brake')),
    supersededAtOnce: prng.pick([1, 2]),
    // Longer than any client here repeats a submission: what is forgotten may be opened again.
    endedKeptMs: prng.pick([120_000, 3_600_000]),
    endedKept: prng.pick([40, 100_000]),
    defaultLimits: {
      max_queued_tasks: prng.pick([4, 1_000]),
      max_queued_bytes: prng.fork('queued bytes').chance(0.15) ? 1_200 : 100_000,
      max_declared_bytes: 1_000_000,
      max_agents: ceilings.chance(0.2) ? 1 : 100,
      max_states: ceilings.chance(0.2) ? ceilings.between(1, 2) : 100,
    },
    maxSchedules: 20,
    firingsInARow: prng.pick([1, 64]),
    looksInARow: 4_096,
    fanouts: {
      maxFanouts: 5,
      maxMembers: 100,
      maxBytes: 50_000,
      keptMs: 3_600_000,
      keptBytes: prng.pick([4_000, 1_000_000]),
      keptBytesOfTenant: 100_000,
      keptRejected: 2,
    },
    remediation: { killGraceMs: 200, outputLimitBytes: 1024 },
  };
}

/** Where a client floods, what it sends is let in at first, and is too much. */
function floodable(policy: TasksPolicy): TasksPolicy {
  return {
    ...policy,
    overload: { ...policy.overload, queued: { high: 6, low: 3 } },
    defaultLimits: { ...policy.defaultLimits, max_queued_tasks: 1_000 },
  };
}

/** From those that open at the second failure to those that hardly ever do. */
function drawBreakers(prng: Prng): BreakerPolicies {
  const cooldown = { cooldownMs: prng.pick([150, 600]), maxCooldownMs: 1_500 };
  const [failures, of] = prng.pick([
    [2, 3],
    [3, 4],
    [10, 12],
  ] as const);
  return {
    agent: { failures, of, minDistinct: prng.between(1, 2), minAgents: 1, ...cooldown },
    domain: {
      failures: failures + prng.below(2),
      of: of + 2,
      minDistinct: prng.between(1, 3),
      minAgents: prng.between(1, 2),
      ...cooldown,
    },
    domainLabel: 'zone',
    maxDomains: 10,
  };
}

function drawBrake(prng: Prng): BrakePolicy {
  return {
    windowMs: prng.pick([1_500, 6_000]),
    minAgents: prng.pick([1, 1, 2, 5]),
    holdMs: prng.pick([800, 4_000]),
    sharePercent: prng.pick([50, 50, 30]),
  };
}

function drawStatesPolicy(prng: Prng): StatesPolicy {
  return {
    checkMarginMs: 400,
    checkRetry: { base_ms: 150, max_ms: 1_000 },
    askAnewMs: 20,
    missesUntilUnknown: prng.between(1, 3),
    unknownsUntilUnknown: prng.between(1, 3),
    checksPerRequest: prng.pick([1, 256]),
    checksInFlightPerAgent: prng.pick([1, 64]),
    checksPerPulse: 100,
    remediationWindowMs: 4_000,
    answerMarginMs: 3_000,
    settleMs: 2_500,
    planBytes: 100_000,
    defaultMaxStates: 100,
    defaultMaxDeclaredBytes: 1_000_000,
  };
}
