import { type Decided, type EventData, type TasksEventBody } from '@fluxforge/events/catalogue';
import { type Agent } from '@fluxforge/domain/agent';
import { decided, PriorityQueue } from '@fluxforge/domain/kernel';

export interface BrakePolicy {
  /** More than this share of the agents, in percent, is a mass; more than all never fall silent. */
  readonly sharePercent: number;
  /** Agents that fell silent within this span count together. */
  readonly windowMs: number;
  /** Fewer silent agents than this are no mass. */
  readonly minAgents: number;
  /** It is let go by itself after this. */
  readonly holdMs: number;
}

export const defaultBrake: BrakePolicy = {
  sharePercent: 50,
  windowMs: 60_000,
  minAgents: 5,
  holdMs: 300_000,
};

/** What facts have made of it. */
export interface BrakeImage {
  readonly untilMs: number | null;
  readonly countFromMs: number;
  readonly lostAgents: number;
  readonly agents: number;
}

/**
 * Of one tenant. When most of its agents fall silent at about the same time, it is more likely that they cannot be
 * heard than that they are gone: running all their work again elsewhere would do harm for nothing.
 *
 *   off --more than the share silent within the window--> on(until) --operator, or time--> off
 *
 * While it is on, tasks whose last lease ran out unheard are not leased; all others are. Those who were silent when
 * it was let go do not count again.
 */
export class Brake {
  untilMs: number | null = null;
  /** Losses up to here are dealt with. */
  private countFromMs = 0;
  lostAgents = 0;
  agents = 0;
  private found = 0;
  /** Agents that are lost, by when that was found out. */
  private readonly silent = new PriorityQueue<Agent>();

  get isOn(): boolean {
    return this.untilMs !== null;
  }

  get hasSilent(): boolean {
    return this.silent.size > 0;
  }

  /** After any change of an agent's standing, of which `wasFound` tells the one before. */
  stand(agent: Agent, wasFound: boolean): void {
    const isFound = agent.standing === 'found';
    this.found += (isFound ? 1 : 0) - (wasFound ? 1 : 0);
    const { lostAtMs } = agent;
    if (agent.standing === 'lost' && lostAtMs !== null && lostAtMs > this.countFromMs) {
      this.silent.set(agent, lostAtMs, agent.order);
    } else this.silent.delete(agent);
  }

  removed(agent: Agent): void {
    if (agent.standing === 'found') this.found -= 1;
    this.silent.delete(agent);
  }

  /** What it calls for now; null: nothing. */
  step(policy: BrakePolicy, tenantId: string, nowMs: number): Decided<TasksEventBody> | null {
    if (this.untilMs !== null) {
      return nowMs < this.untilMs ? null : release(this, tenantId, 'time_passed');
    }
    while (this.silent.peekRank() < nowMs - policy.windowMs) this.silent.pop();
    const lost = this.silent.size;
    const agents = this.found + lost;
    if (lost < policy.minAgents || 100 * lost <= policy.sharePercent * agents) return null;
    return decided('tenant.brake-set', tenantId, tenantId, {
      braked: true,
      reason: 'mass_loss',
      until_ms: nowMs + policy.holdMs,
      lost_agents: lost,
      agents,
    });
  }

  set(data: EventData<'tenant.brake-set'>, timeMs: number): void {
    this.untilMs = data.braked ? (data.until_ms ?? Infinity) : null;
    this.lostAgents = data.lost_agents;
    this.agents = data.agents;
    if (data.braked) return;
    this.countFromMs = timeMs;
    while (this.silent.pop());
  }

  image(): BrakeImage {
    const { untilMs, countFromMs, lostAgents, agents } = this;
    return { untilMs, countFromMs, lostAgents, agents };
  }

  restore(image: BrakeImage): void {
    this.untilMs = image.untilMs;
    this.countFromMs = image.countFromMs;
    this.lostAgents = image.lostAgents;
    this.agents = image.agents;
  }
}

export function release(
  { lostAgents, agents }: Brake,
  tenantId: string,
  reason: 'operator' | 'time_passed',
): Decided<TasksEventBody> {
  const counts = { lost_agents: lostAgents, agents };
  return decided('tenant.brake-set', tenantId, tenantId, { braked: false, reason, ...counts });
}
