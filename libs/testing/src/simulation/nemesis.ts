import { type Agent } from './agent.js';
import { type ControlProcess } from './control-process.js';
import { type Counters } from './counters.js';
import { type Machines } from './machines.js';
import { type Network } from './network.js';
import { type PlacementGroup } from './placement-group.js';
import { type Prng } from './prng.js';
import { type Scenario } from './scenario.js';
import { type Timeline } from './timeline.js';

/** What the nemesis can lay hands on. */
export interface Victims {
  readonly addresses: readonly string[];
  /** The newest incarnation under an address. */
  current(address: string): ControlProcess | undefined;
  start(address: string): ControlProcess;
  readonly groups: readonly PlacementGroup[];
  readonly agents: readonly Agent[];
  readonly network: Network;
  readonly machines: Machines;
  readonly counters: Counters;
}

/** Breaks things, by chance, until it is told to stop; then all that it broke is mended. */
export class Nemesis {
  private stopped = false;
  private readonly twins: ControlProcess[] = [];

  constructor(
    private readonly timeline: Timeline,
    private readonly prng: Prng,
    private readonly scenario: Scenario,
    private readonly victims: Victims,
  ) {}

  start(): void {
    const { nodes, network, agentCrashEveryMs, relabelEveryMs, driftEveryMs } = this.scenario;
    const { groups } = this.victims;
    if (this.scenario.blackoutMs > 0)
      this.timeline.after(this.prng.between(5_000, 20_000), 'blackout', () => this.blackout());
    this.loop('crash', nodes.crashEveryMs, () => this.crash());
    this.loop('pause', nodes.pauseEveryMs, () => this.pause());
    this.loop('twin', nodes.twinEveryMs, () => this.twin());
    this.loop('swap', nodes.swapEveryMs, () => this.prng.pick(groups).rebalance());
    this.loop('group-reset', nodes.groupResetEveryMs, () => this.resetGroups());
    this.loop('cut', network.cutEveryMs, () => this.cut());
    this.loop('agent-crash', agentCrashEveryMs, () => this.crashAgent());
    this.loop('sick', this.scenario.sickEveryMs, () => this.sicken());
    this.loop('relabel', relabelEveryMs, () => this.relabel());
    this.loop('drift', driftEveryMs, () => this.victims.machines.drift());
  }

  heal(): void {
    this.stopped = true;
    for (const twin of this.twins) twin.kill();
    for (const address of this.victims.addresses) {
      const process = this.victims.current(address);
      process?.process.resume();
      if (!process?.process.alive) this.victims.start(address);
    }
    for (const agent of this.victims.agents) if (!agent.process.alive) agent.restart();
    for (const agent of this.victims.agents) agent.isSick = agent.isStopping = false;
    for (const group of this.victims.groups) group.heal();
  }

  private loop(what: string, meanMs: number, strike: () => void): void {
    if (meanMs === Infinity) return;
    this.timeline.after(this.prng.spread(meanMs), what, () => {
      if (this.stopped) return;
      this.timeline.note(() => `nemesis: ${what}`);
      strike();
      this.loop(what, meanMs, strike);
    });
  }

  /** A power cut: nobody is there to do what is due. Whoever is started meanwhile dies again. */
  private blackout(): void {
    this.victims.counters.add('blackout');
    const endMs = this.timeline.nowMs + this.scenario.blackoutMs;
    const dark = (): void => {
      if (this.stopped || this.timeline.nowMs >= endMs) return;
      for (const address of this.victims.addresses) this.victims.current(address)?.kill();
      this.timeline.after(500, 'dark', dark);
    };
    dark();
    this.timeline.after(this.scenario.blackoutMs, 'light', () => {
      for (const address of this.victims.addresses) {
        if (!this.victims.current(address)?.process.alive) this.victims.start(address);
      }
    });
  }

  /** kill -9; something starts it again. */
  private crash(): void {
    const address = this.prng.pick(this.victims.addresses);
    const process = this.victims.current(address);
    if (!process?.process.alive) return;
    process.kill();
    this.timeline.after(this.prng.between(50, 2_500), 'restart', () => {
      if (!this.victims.current(address)?.process.alive) this.victims.start(address);
    });
  }

  /** Stopped like a laptop that sleeps: what was sent to it comes all at once, later. */
  private pause(): void {
    const { process } = this.victims.current(this.prng.pick(this.victims.addresses)) ?? {};
    if (!process?.running) return;
    process.pause();
    this.timeline.after(this.prng.between(100, 5_000), 'awake', () => process.resume());
  }

  /** A process that was taken for dead is replaced, and then it wakes: two under one address, for a while. */
  private twin(): void {
    const address = this.prng.pick(this.victims.addresses);
    const older = this.victims.current(address);
    if (!older?.process.running) return;
    if (this.prng.chance(0.7)) older.process.pause();
    this.twins.push(older);
    this.victims.start(address);
    this.victims.counters.add('twin');
    this.timeline.after(this.prng.between(50, 3_000), 'awake', () => older.process.resume());
    this.timeline.after(this.prng.between(3_000, 8_000), 'twin-dies', () => older.kill());
  }

  private resetGroups(): void {
    for (const group of this.victims.groups) group.reset();
    this.victims.counters.add('group reset');
  }

  private cut(): void {
    const { name } = this.prng.pick(this.victims.agents);
    const which = this.prng.pick([['up'], ['down'], ['up', 'down']] as const);
    this.victims.network.cut(name, which);
    this.timeline.after(this.prng.between(200, 6_000), 'mend', () => this.victims.network.mend(name));
  }

  private crashAgent(): void {
    const agent = this.prng.pick(this.victims.agents);
    if (!agent.process.alive) return;
    if (this.prng.chance(0.3)) return this.stopAgent(agent);
    agent.crash();
    this.timeline.after(this.prng.between(50, 5_000), 'agent-restart', () => {
      if (!agent.process.alive) agent.restart();
    });
  }

  /** An upgrade: it takes nothing new for a while, and then a new process is there. */
  private stopAgent(agent: Agent): void {
    agent.isStopping = true;
    this.victims.counters.add('agent stopping');
    this.timeline.after(this.prng.between(500, 5_000), 'agent-upgrade', () => {
      if (!agent.isStopping) return;
      agent.crash();
      agent.restart();
    });
  }

  /** Its disk is full, or its network gone: what it is given fails. */
  private sicken(): void {
    const agent = this.prng.pick(this.victims.agents);
    agent.isSick = true;
    this.timeline.after(this.prng.between(500, 5_000), 'well', () => {
      agent.isSick = false;
    });
  }

  private relabel(): void {
    const agent = this.prng.pick(this.victims.agents);
    agent.labels = { zone: this.prng.pick(['a', 'b']) };
    if (agent.process.alive) agent.redial();
  }
}
