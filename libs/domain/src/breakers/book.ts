import {
  type AttemptOutcome,
  type BreakerScope,
  type CommandLine,
  type Executor,
  type Labels,
} from '@fluxforge/events/catalogue';
import { hash32 } from '@fluxforge/domain/kernel';
import {
  breakerRoom,
  leaseName,
  newBreaker,
  verdictOf,
  type Breaker,
  type BreakerPolicies,
  type BreakerPolicy,
  type BreakerRoom,
} from './breaker.js';
import { breakerDueMs, recordEnd, startProbe } from './step.js';

/** One end of a run, as the log tells it. */
export interface RunOver {
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
  readonly agentId: string;
  /** The failure domain of its agent when it was leased. */
  readonly domain: string | null;
  readonly leasedAtMs: number;
  readonly endedAtMs: number;
  readonly executor: Executor;
  readonly command: CommandLine | undefined;
  readonly outcome: AttemptOutcome;
  readonly exitCode: number | undefined;
  /** It was to stop, or came too late to begin: a failure says nothing then. */
  readonly wasCancelled: boolean;
}

const gives: Readonly<Record<BreakerRoom, number>> = { all: 2, probe: 1, none: 0 };

/** The breakers of one tenant: what one tenant runs into says nothing about another's machines. */
export class BreakerBook {
  private readonly byName: Readonly<Record<BreakerScope, Map<string, Breaker>>> = {
    agent: new Map(),
    domain: new Map(),
  };
  private tripped = 0;

  constructor(
    private readonly tenantId: string,
    readonly policies: BreakerPolicies,
  ) {}

  find(scope: BreakerScope, name: string): Breaker | undefined {
    return this.byName[scope].get(name);
  }

  policyOf({ scope }: Breaker): BreakerPolicy {
    return this.policies[scope];
  }

  all(): Breaker[] {
    return [...this.byName.agent.values(), ...this.byName.domain.values()];
  }

  domainOf(labels: Labels): string | null {
    return labels[this.policies.domainLabel] || null;
  }

  /** Those that are not closed among an agent's own breaker and that of its domain. */
  trippedFor(agentId: string, labels: Labels): Breaker[] {
    const guards = this.guardsOf({ agentId, domain: this.domainOf(labels) });
    return guards.filter(({ phase }) => phase !== 'closed');
  }

  /** Asked for every agent of every lease: in good health there is next to nothing to it. */
  room(agentId: string, labels: Labels): BreakerRoom {
    if (this.tripped === 0) return 'all';
    const own = this.byName.agent.get(agentId);
    const ownRoom = own ? breakerRoom(own) : 'all';
    const domain = this.domainOf(labels);
    const guard = domain === null ? undefined : this.byName.domain.get(domain);
    const domainRoom = guard ? breakerRoom(guard) : 'all';
    return gives[domainRoom] < gives[ownRoom] ? domainRoom : ownRoom;
  }

  /** The breaker of this name, a new one if need be; undefined: there are too many, and none can go. */
  of(scope: BreakerScope, name: string, nextOrder: () => number): Breaker | undefined {
    const known = this.byName[scope].get(name);
    if (known) return known;
    if (scope === 'domain' && this.byName.domain.size >= this.policies.maxDomains) {
      const quiet = [...this.byName.domain.values()].find((one) => this.isQuiet(one));
      if (!quiet) return undefined;
      this.byName.domain.delete(quiet.name);
    }
    return this.put(newBreaker(scope, this.tenantId, name, nextOrder()));
  }

  put(breaker: Breaker): Breaker {
    this.byName[breaker.scope].set(breaker.name, breaker);
    if (breaker.phase !== 'closed') this.tripped += 1;
    return breaker;
  }

  /** With its agent. */
  dropAgent(agentId: string): Breaker | undefined {
    const breaker = this.byName.agent.get(agentId);
    if (breaker && breaker.phase !== 'closed') this.tripped -= 1;
    this.byName.agent.delete(agentId);
    return breaker;
  }

  /** All changes of a phase go through here. */
  change(breaker: Breaker, by: (breaker: Breaker) => void): void {
    const wasClosed = breaker.phase === 'closed';
    by(breaker);
    const isClosed = breaker.phase === 'closed';
    if (wasClosed !== isClosed) this.tripped += isClosed ? -1 : 1;
  }

  /** A lease that is on trial was given. Answers whose probe it is. */
  startProbes(run: Pick<RunOver, 'taskId' | 'life' | 'attempt' | 'agentId' | 'domain'>): Breaker[] {
    const name = leaseName(run.taskId, run.life, run.attempt);
    const onTrial = this.guardsOf(run).filter(({ phase }) => phase === 'half-open');
    for (const breaker of onTrial) startProbe(breaker, name);
    return onTrial;
  }

  /**
   * Answers what may have something to do now, or have room again. A breaker comes to be with a failure; that of an
   * agent that is gone does not.
   */
  record(run: RunOver, isAgentKnown: boolean, nextOrder: () => number): Breaker[] {
    const concerned: Breaker[] = [];
    for (const scope of ['agent', 'domain'] as const) {
      const name = scope === 'domain' ? run.domain : isAgentKnown ? run.agentId : null;
      if (name === null) continue;
      const said = verdictOf(scope, run.outcome, run.exitCode);
      const tells = said && (!said.failed || !run.wasCancelled) ? said : null;
      const breaker = tells?.failed ? this.of(scope, name, nextOrder) : this.byName[scope].get(name);
      if (!breaker) continue;
      const work = tells?.failed ? workOf(run) : 0;
      const end = tells && { ...tells, work, agentId: run.agentId, endedAtMs: run.endedAtMs };
      const lease = leaseName(run.taskId, run.life, run.attempt);
      recordEnd(breaker, this.policies[scope], { lease, leasedAtMs: run.leasedAtMs, end });
      concerned.push(breaker);
    }
    return concerned;
  }

  private isQuiet(breaker: Breaker): boolean {
    return breaker.phase === 'closed' && breakerDueMs(breaker, this.policyOf(breaker)) === Infinity;
  }

  private guardsOf({ agentId, domain }: Pick<RunOver, 'agentId' | 'domain'>): Breaker[] {
    const ofDomain = domain === null ? undefined : this.byName.domain.get(domain);
    return [this.byName.agent.get(agentId), ofDomain].filter((one) => one !== undefined);
  }
}

/** Commands are told apart, and not kept. */
function workOf({ executor, command }: RunOver): number {
  return hash32(JSON.stringify([executor, command]));
}
