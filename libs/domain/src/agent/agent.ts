import {
  type EventData,
  type Executor,
  type Labels,
  type ReasonCode,
  type Resources,
  type Selector,
} from '@fluxforge/events/catalogue';
import { type BreakerBook } from '@fluxforge/domain/breakers';
import { matchesSelector } from '@fluxforge/domain/kernel';

/**
 * enrolled -> found <-> lost; from any of them removed, and then it is gone from the state. `draining` is
 * apart from these: a draining agent finishes what it has and is given nothing new.
 */
export type AgentStanding = 'enrolled' | 'found' | 'lost';

/** A control stream that is open now. Momentary: nobody remembers it after a takeover. */
export interface Session {
  readonly id: string;
  /** The agent itself is stopping and takes nothing new. */
  stopping: boolean;
}

/** What the leases of an agent take of it in all. Derived from the leased tasks, by `occupy` and `vacate`. */
export interface Load {
  slots: number;
  cpuMillis: number;
  memoryBytes: number;
}

export interface Agent {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly credentialHash: string;
  /** From the join token: an agent cannot speak itself into other groups of machines. */
  readonly tokenLabels: Labels;
  /** Of the agent and its token together, the token's winning. */
  labels: Labels;
  slots: number;
  /** Null, and each resource that it leaves out: as much as is asked for. */
  capacity: Resources | null;
  executors: readonly Executor[];
  version: string;
  standing: AgentStanding;
  /** When it was last found to be lost. */
  lostAtMs: number | null;
  draining: boolean;
  /** From then on what still runs there is moved; null: it finishes, however long that takes. */
  drainDeadlineMs: number | null;
  /** Rises with each enrolment of the partition; makes every order among agents total. */
  readonly order: number;
  /** Of its tenant: one of them may keep leases away from it. */
  readonly breakers: BreakerBook;
  /** Ids of the tasks with a live lease here. */
  readonly leases: Set<string>;
  readonly load: Load;
  /** Ids of queued tasks that ask for exactly this agent. */
  readonly pinned: Set<string>;
  session: Session | null;
  /** Momentary. Minus infinity: not heard of since this owner took over. */
  lastAnswerAtMs: number;
  /** Momentary. The waiting task that its room is kept for, and nobody else's: see `scheduling/keeper.ts`. */
  keptFor: string | null;
}

export function newAgent(
  data: EventData<'agent.enrolled'>,
  tenantId: string,
  order: number,
  breakers: BreakerBook,
): Agent {
  return {
    id: data.agent_id,
    tenantId,
    name: data.name,
    credentialHash: data.credential_hash,
    tokenLabels: data.token_labels,
    labels: data.labels,
    slots: data.slots,
    capacity: data.capacity ?? null,
    executors: data.executors,
    version: data.agent_version,
    standing: 'enrolled',
    lostAtMs: null,
    draining: false,
    drainDeadlineMs: null,
    order,
    breakers,
    leases: new Set(),
    load: { slots: 0, cpuMillis: 0, memoryBytes: 0 },
    pinned: new Set(),
    session: null,
    lastAnswerAtMs: -Infinity,
    keptFor: null,
  };
}

/** What an agent is by itself, without what others make of it. */
export type AgentAlone = Omit<Agent, 'breakers' | 'leases' | 'load' | 'pinned' | 'keptFor'>;

/**
 * The same agent with the same stream, and nothing running: what becomes of the one does not reach the other. In the order
 * of `newAgent`, so that to the engine both are of one kind.
 */
export function copyAgent(agent: AgentAlone, breakers: BreakerBook): Agent {
  return {
    id: agent.id,
    tenantId: agent.tenantId,
    name: agent.name,
    credentialHash: agent.credentialHash,
    tokenLabels: agent.tokenLabels,
    labels: agent.labels,
    slots: agent.slots,
    capacity: agent.capacity,
    executors: agent.executors,
    version: agent.version,
    standing: agent.standing,
    lostAtMs: agent.lostAtMs,
    draining: agent.draining,
    drainDeadlineMs: agent.drainDeadlineMs,
    order: agent.order,
    breakers,
    leases: new Set(),
    load: { slots: 0, cpuMillis: 0, memoryBytes: 0 },
    pinned: new Set(),
    session: agent.session && { ...agent.session },
    lastAnswerAtMs: agent.lastAnswerAtMs,
    keptFor: null,
  };
}

/** Why it may be given no lease now, whatever the task asks for and however empty it is: away, unwilling, on probation. */
export function standingRefusal(agent: Agent): ReasonCode | null {
  if (agent.standing !== 'found' || !agent.session) return 'agent_lost';
  // Before the drain, which an operator can lift: what stops by itself takes nothing for all that.
  if (agent.session.stopping) return 'agent_stopping';
  if (agent.draining) return 'agent_draining';
  return agent.breakers.room(agent.id, agent.labels) === 'none' ? 'breaker_open' : null;
}

/** Why it may be given no lease now, whatever the task asks for; of one that its room is kept for, see `fitsKept`. */
export function roomRefusal(agent: Agent): ReasonCode | null {
  const refusal = standingRefusal(agent);
  if (refusal) return refusal;
  if (agent.keptFor !== null) return 'agent_kept';
  return agent.load.slots >= agent.slots ? 'agents_full' : null;
}

/** How many slots it may be given leases for now. */
export function freeSlots(agent: Agent): number {
  return roomRefusal(agent) ? 0 : agent.slots - agent.load.slots;
}

/** Whether it could run such a task at all, load and health aside. */
export function suits(agent: Agent, executor: Executor, selector: Selector): boolean {
  return agent.executors.includes(executor) && matchesSelector(selector, agent.labels);
}
