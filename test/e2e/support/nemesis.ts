import { type FaultProxy } from '@fluxforge/testing/fault-proxy';
import { delay } from './eventually.js';
import { type OwnInfra } from './infra.js';
import { type Random } from './random.js';
import { type SupervisedProcess } from './supervised-process.js';
import { type TestSystem } from './system.js';

interface Trouble {
  readonly name: string;
  readonly holdMs: readonly [number, number];
  begin(): Promise<unknown> | void;
  end(): Promise<unknown> | void;
}

/** Draws troubles and brings them over the system, one at a time or two, each with its end. */
export class Nemesis {
  readonly history: string[] = [];
  readonly counts = new Map<string, number>();
  private over = false;
  private readonly startedMs = performance.now();

  constructor(
    private readonly system: TestSystem,
    private readonly infra: OwnInfra,
    private readonly random: Random,
  ) {}

  async run(forMs: number): Promise<void> {
    while (!this.over && performance.now() - this.startedMs < forMs) {
      const kinds = this.random.chance(0.3) ? 2 : 1;
      await Promise.all(Array.from({ length: kinds }, () => this.one(this.draw())));
      await delay(this.random.between(500, 4_000));
    }
    await this.heal();
  }

  /** The test has failed: no more troubles. */
  abandon(): void {
    this.over = true;
  }

  async heal(): Promise<void> {
    for (const one of this.system.all) one.resume();
    await Promise.all(this.system.links.map((link) => link.heal()));
    await this.infra.heal();
  }

  private async one(trouble: Trouble): Promise<void> {
    const kind = trouble.name.split(' ')[0] ?? '';
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const forMs = this.random.between(...trouble.holdMs);
    this.history.push(`${this.seconds()} s ${trouble.name} for ${forMs} ms`);
    await trouble.begin();
    await delay(forMs);
    await trouble.end();
  }

  private seconds(): string {
    return ((performance.now() - this.startedMs) / 1000).toFixed(1);
  }

  private draw(): Trouble {
    const { infra, random } = this;
    const healKafka = () => infra.healKafka();
    const healPostgres = () => infra.healPostgres();
    const victim = random.of(this.system.all);
    const link = random.of(this.system.links);
    const troubles: (() => Trouble)[] = [
      () => kill(victim),
      () => kill(victim),
      () => pause(victim, random.chance(0.5) ? [200, 4_000] : [8_000, 25_000]),
      () => pause(victim, random.chance(0.5) ? [200, 4_000] : [8_000, 25_000]),
      () => ({ name: 'kafka pause', holdMs: [300, 12_000], begin: () => infra.pauseKafka(), end: healKafka }),
      () => ({ name: 'kafka kill', holdMs: [0, 4_000], begin: () => infra.killKafka(), end: healKafka }),
      () => ({
        name: 'postgres pause',
        holdMs: [300, 8_000],
        begin: () => infra.pausePostgres(),
        end: healPostgres,
      }),
      () => ({
        name: 'postgres kill',
        holdMs: [0, 2_000],
        begin: () => infra.killPostgres(),
        end: healPostgres,
      }),
      () => linkTrouble(link, random.of(['blackhole', 'eatReplies', 'holdRequests', 'reset'] as const)),
      () => linkTrouble(link, random.of(['blackhole', 'eatReplies', 'holdRequests', 'reset'] as const)),
    ];
    return random.of(troubles)();
  }
}

function kill(victim: SupervisedProcess): Trouble {
  const nothing = () => undefined;
  return { name: `kill ${victim.name}`, holdMs: [0, 0], begin: () => victim.kill9(), end: nothing };
}

function pause(victim: SupervisedProcess, holdMs: readonly [number, number]): Trouble {
  return {
    name: `pause ${victim.name}`,
    holdMs,
    begin: () => victim.pause(),
    end: () => victim.resume(),
  };
}

function linkTrouble(link: FaultProxy, how: 'blackhole' | 'eatReplies' | 'holdRequests' | 'reset'): Trouble {
  return {
    name: `link ${how}`,
    holdMs: [500, 25_000],
    begin: () => link[how](),
    end: () => link.heal(),
  };
}
