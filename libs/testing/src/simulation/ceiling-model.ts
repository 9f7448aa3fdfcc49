import { type Fact, type Limits } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

interface Account {
  /** As the tasks log has them, with the offset behind each change. */
  readonly limits: { readonly next: number; readonly limits: Limits }[];
  readonly agents: Set<string>;
  readonly states: Set<string>;
}

/**
 * How many agents and states a tenant may have, of one partition of both contexts: none is let in beyond the limit
 * that its context knew of then, and none refused below it. What the reconciler knows, its records say.
 */
export class CeilingModel {
  private readonly accounts = new Map<string, Account>();
  private readonly enrolled = new Set<string>();

  constructor(
    private readonly counters: Counters,
    private readonly defaultMaxStates: number,
  ) {}

  wasEnrolled(tenantId: string, agentId: string): boolean {
    return this.enrolled.has(`${tenantId}/${agentId}`);
  }

  foldTasks(fact: Fact, offset: number): void {
    const account = this.account(fact.tenantId);
    const most = account.limits.at(-1)?.limits.max_agents ?? 0;
    switch (fact.type) {
      case 'tenant.created':
      case 'tenant.limits-set':
        account.limits.push({ next: offset + 1, limits: fact.data.limits });
        return;
      case 'agent.enrolled':
        insistBelow(account.agents.size, most, `${fact.tenantId}/${fact.data.agent_id}, an agent,`);
        this.enrolled.add(`${fact.tenantId}/${fact.data.agent_id}`);
        account.agents.add(fact.data.agent_id);
        return;
      case 'agent.removed':
        account.agents.delete(fact.data.agent_id);
        return;
      case 'command.rejected':
        if (fact.data.code !== 'quota_exceeded' || !/ agents /.test(fact.data.message)) return;
        insistFull(account.agents.size, most, `an agent of ${fact.tenantId}`);
        this.counters.add('agents quota');
        return;
      default:
        return;
    }
  }

  /** `foreignNext`: up to where its context had taken in the tasks log. */
  foldStates(fact: Fact, foreignNext: number): void {
    const account = this.account(fact.tenantId);
    const known = account.limits.findLast(({ next }) => next <= foreignNext);
    const most = known?.limits.max_states ?? this.defaultMaxStates;
    switch (fact.type) {
      case 'state.declared':
        insistBelow(account.states.size, most, `${fact.tenantId}/${fact.data.state_id}, a state,`);
        account.states.add(fact.data.state_id);
        return;
      case 'state.deleted':
        account.states.delete(fact.data.state_id);
        return;
      case 'command.rejected':
        if (fact.data.code !== 'quota_exceeded') return;
        insistFull(account.states.size, most, `a state of ${fact.tenantId}`);
        this.counters.add('states quota');
        return;
      default:
        return;
    }
  }

  private account(tenantId: string): Account {
    let account = this.accounts.get(tenantId);
    if (!account) {
      account = { limits: [], agents: new Set(), states: new Set() };
      this.accounts.set(tenantId, account);
    }
    return account;
  }
}

function insistBelow(count: number, most: number, what: string): void {
  insist(count < most, 'ceilings', () => `${what} is let in beside ${count} of ${most}`);
}

function insistFull(count: number, most: number, what: string): void {
  insist(count >= most, 'ceilings', () => `${what} is refused beside ${count} of ${most}`);
}
