import { type ContextName } from '@fluxforge/events/catalogue';
import { delay, eventually } from './eventually.js';
import { type Random } from './random.js';
import { type SupervisedProcess } from './supervised-process.js';
import { type TestSystem } from './system.js';

const contexts = ['tasks', 'states'] as const;
/** Session timeout, rebalance and claim, on a machine that has other things to do. */
const settledMs = 60_000;

/** What befalls the owners of partitions, one thing after another; each ends when the partitions are led again. */
export class OwnerTroubles {
  readonly history: string[] = [];
  private readonly startedMs = performance.now();

  constructor(
    private readonly system: TestSystem,
    private readonly random: Random,
  ) {}

  /** SIGKILL of a leader; the supervisor starts it again. */
  async crash(context: ContextName): Promise<void> {
    await delay(this.random.between(300, 2_000));
    const victim = await this.leader(context);
    this.say(`kill ${victim.name}`);
    await victim.kill9();
    await this.allLed();
  }

  /** Both leaders stand still until long after the leases have run out, and then go on as if nothing had been. */
  async pauseLeaders(forMs: number): Promise<void> {
    const victims = await Promise.all(contexts.map((context) => this.leader(context)));
    this.say(`pause ${victims.map(({ name }) => name).join(', ')} for ${forMs} ms`);
    const resumeAtMs = performance.now() + forMs;
    for (const victim of victims) victim.pause();
    try {
      for (const [i, context] of contexts.entries())
        await eventually(
          `another than ${victims[i]?.name} leads ${context}`,
          () => this.system.leader(context) !== victims[i],
          settledMs,
        );
      this.say('others lead');
      await delay(Math.max(0, resumeAtMs - performance.now()));
    } finally {
      for (const victim of victims) victim.resume();
    }
    this.say('they go on');
    await this.balanced();
  }

  /** One after another leaves cleanly and joins again; between them every partition is led, by the rest alone. */
  async rollingRestart(context: ContextName): Promise<void> {
    for (const one of this.system.owners(context)) {
      this.say(`restart ${one.name}`);
      const exit = await one.stop();
      if (exit?.code !== 0) throw new Error(`${one.name} ended with ${JSON.stringify(exit)}`);
      await this.allLed();
      this.say(`the rest leads ${context}`);
      await one.start();
      await this.balanced();
    }
  }

  /** Every partition is led by a process that is up. */
  async allLed(): Promise<void> {
    await eventually(
      () => `every partition is led: ${this.leaders()}`,
      () => contexts.every((context) => this.unled(context) === 0),
      settledMs,
    );
    this.say(`led: ${this.leaders()}`);
  }

  /** And each owner leads its share. */
  async balanced(): Promise<void> {
    await this.allLed();
    const share = (context: ContextName, owner: SupervisedProcess): boolean =>
      this.partitions().some((p) => this.system.leader(context, p) === owner);
    await eventually(
      () => `each leads its share: ${this.leaders()}`,
      () => contexts.every((context) => this.system.owners(context).every((one) => share(context, one))),
      settledMs,
    );
    this.say(`balanced: ${this.leaders()}`);
  }

  say(what: string): void {
    this.history.push(`${((performance.now() - this.startedMs) / 1000).toFixed(1)} s ${what}`);
  }

  private leader(context: ContextName): Promise<SupervisedProcess> {
    return eventually(`somebody leads ${context}`, () => this.system.leader(context), settledMs);
  }

  private unled(context: ContextName): number {
    return this.partitions().filter((p) => this.system.leader(context, p) === undefined).length;
  }

  private partitions(): number[] {
    return Array.from({ length: this.system.partitions }, (_, p) => p);
  }

  private leaders(): string {
    return contexts
      .flatMap((context) =>
        this.partitions().map((p) => `${context}/${p} ${this.system.leader(context, p)?.name ?? 'nobody'}`),
      )
      .join(', ');
  }
}
