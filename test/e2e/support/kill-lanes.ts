import { delay, eventually } from './eventually.js';
import { type Random } from './random.js';
import { type SupervisedProcess } from './supervised-process.js';
import { type TestSystem } from './system.js';
import { type Workload } from './workload.js';

export const apps = ['api', 'dispatcher', 'reconciler', 'projector', 'agent'] as const;
export type App = (typeof apps)[number];

export interface Kill {
  readonly app: App;
  readonly process: string;
  readonly atMs: number;
  readonly moment: string;
  /** Leases that were out according to the log, of this agent when it is one. */
  readonly leases: number;
  /** Submissions that were on their way and not answered. */
  readonly appends: number;
}

interface Moment {
  readonly name: string;
  /** Whether the moment has come; `from` is the length of the journal when the wait began. */
  readonly come: (victim: SupervisedProcess, from: number) => boolean;
}

/**
 * How long each is left at work before its moment is waited for. A takeover takes a partition's owner several
 * seconds; the others are paced to it, or the system would never be whole and little would be under way.
 */
const atWorkMs: Readonly<Record<App, readonly [number, number]>> = {
  api: [3_000, 6_000],
  dispatcher: [300, 2_000],
  reconciler: [300, 2_000],
  projector: [3_000, 6_000],
  agent: [4_000, 9_000],
};
const momentDeadlineMs = 6_000;
const readyDeadlineMs = 120_000;

/** One lane for each app: wait until it is at work, choose a moment, kill it, and again. */
export class KillLanes {
  readonly kills: Kill[] = [];
  private over = false;
  private readonly startedMs = performance.now();

  constructor(
    private readonly system: TestSystem,
    private readonly workload: Workload,
    private readonly random: Random,
  ) {}

  async run(app: App, times: number): Promise<void> {
    for (let i = 0; i < times && !this.over; i += 1) {
      const victim = await eventually(
        `a ${app} is at work`,
        () => this.over || this.victim(app),
        readyDeadlineMs,
      );
      if (victim === true) return;
      await delay(this.random.between(...atWorkMs[app]));
      const moment = this.random.of(this.moments(app));
      await this.until(moment, victim);
      this.record(app, victim, moment.name);
      await victim.kill9();
    }
    await eventually(`a ${app} is at work again`, () => this.over || this.victim(app), readyDeadlineMs);
  }

  /** The test has failed: no more kills. */
  abandon(): void {
    this.over = true;
  }

  of(app: App): readonly Kill[] {
    return this.kills.filter((kill) => kill.app === app);
  }

  /** How many of them came while a lease or an append was open. */
  openCount(app: App): number {
    const open = (kill: Kill): boolean => (app === 'api' ? kill.appends > 0 : kill.leases + kill.appends > 0);
    return this.of(app).filter((kill) => open(kill) && (app !== 'agent' || kill.leases > 0)).length;
  }

  schedule(): string {
    return this.kills
      .map(
        (k) =>
          `${(k.atMs / 1000).toFixed(1)} s ${k.process} ${k.moment} leases=${k.leases} appends=${k.appends}`,
      )
      .join('\n');
  }

  private victim(app: App): SupervisedProcess | undefined {
    const { system } = this;
    switch (app) {
      case 'api':
        return readyOrNone(system.api);
      case 'dispatcher':
        return system.leader();
      case 'reconciler':
        return system.reconcilerLeads() ? system.reconciler : undefined;
      case 'projector':
        return readyOrNone(system.projector);
      case 'agent':
        return this.busyAgent();
    }
  }

  /** Agents take turns as far as they have something to lose. */
  private busyAgent(): SupervisedProcess | undefined {
    const busy = [...this.system.agents.values()].filter(
      (agent) => readyOrNone(agent) && this.leasesOf(agent) > 0,
    );
    return busy.length > 0 ? this.random.of(busy) : undefined;
  }

  private moments(app: App): Moment[] {
    const { journal } = this.system;
    const { submitter } = this.workload;
    const fresh = (type: string) => (_victim: SupervisedProcess, from: number) =>
      journal.find(type, {}, from) !== undefined;
    const leased = { name: 'just leased', come: fresh('task.leased') };
    const running = { name: 'just started', come: fresh('task.started') };
    const inFlight = { name: 'append open', come: () => submitter.inFlight > 0 };
    const whenever = { name: 'whenever', come: () => true };
    switch (app) {
      case 'api':
        return [inFlight, inFlight, inFlight, whenever];
      case 'dispatcher':
        return [leased, running, inFlight, { name: 'just queued', come: fresh('task.queued') }];
      case 'reconciler':
        return [leased, { name: 'remediation', come: fresh('remediation.requested') }, whenever];
      case 'projector':
        return [leased, running, whenever];
      case 'agent':
        return [{ name: 'lease on it', come: (victim) => this.leasesOf(victim) > 0 }];
    }
  }

  private leasesOf(victim: SupervisedProcess): number {
    const { agentId } = this.system.identity(victim.name);
    return this.system.journal.openLeases.filter((lease) => lease.data['agent_id'] === agentId).length;
  }

  /** A moment that does not come does not stop the killing. */
  private async until(moment: Moment, victim: SupervisedProcess): Promise<void> {
    const from = this.system.journal.events.length;
    const untilMs = performance.now() + momentDeadlineMs;
    while (!moment.come(victim, from) && performance.now() < untilMs) await delay(2);
  }

  private record(app: App, victim: SupervisedProcess, moment: string): void {
    const leases = app === 'agent' ? this.leasesOf(victim) : this.system.journal.openLeases.length;
    const atMs = performance.now() - this.startedMs;
    this.kills.push({
      app,
      process: victim.name,
      atMs,
      moment,
      leases,
      appends: this.workload.submitter.inFlight,
    });
  }
}

function readyOrNone(process: SupervisedProcess): SupervisedProcess | undefined {
  return process.isUp && process.lines().some((line) => line.msg === 'ready') ? process : undefined;
}
