import { type Fact, type Limits } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';

interface Account {
  /** As the tasks log has them, with the offset behind each change. */
  readonly limits: { readonly next: number; readonly limits: Limits }[];
  readonly agents: Set<string>;
  readonly states: Set<string>;
  readonly bytes: { readonly schedules: Map<string, number>; readonly states: Map<string, number> };
}

type Declared = Extract<
  Fact,
  { type: 'schedule.created' | 'schedule.updated' | 'state.declared' | 'state.updated' }
>;

/**
 * How many agents and states a tenant may have, and how many bytes its schedules and its states may take, of one
 * partition of both contexts: nothing is let in beyond the limit that its context knew of then, and nothing refused
 * below it. What the reconciler knows, its records say.
 */
export class CeilingModel {
  private readonly accounts = new Map<string, Account>();
  private readonly enrolled = new Set<string>();

  constructor(
    private readonly counters: Counters,
    private readonly defaults: { readonly maxStates: number; readonly maxBytes: number },
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
        if (fact.data.code !== 'quota_exceeded') return;
        this.bytesRefused(account, 'schedules', fact, this.mostBytes(account.limits.at(-1)?.limits));
        if (!/ agents /.test(fact.data.message)) return;
        insistFull(account.agents.size, most, `an agent of ${fact.tenantId}`);
        this.counters.add('agents quota');
        return;
      case 'schedule.created':
      case 'schedule.updated':
        return this.bytesTaken(account, 'schedules', fact, this.mostBytes(account.limits.at(-1)?.limits));
      case 'schedule.deleted':
        account.bytes.schedules.delete(fact.data.schedule_id);
        return;
      default:
        return;
    }
  }

  /** `foreignNext`: up to where its context had taken in the tasks log. */
  foldStates(fact: Fact, foreignNext: number): void {
    const account = this.account(fact.tenantId);
    const known = account.limits.findLast(({ next }) => next <= foreignNext);
    const most = known?.limits.max_states ?? this.defaults.maxStates;
    const mostBytes = this.mostBytes(known?.limits);
    switch (fact.type) {
      case 'state.declared':
        insistBelow(account.states.size, most, `${fact.tenantId}/${fact.data.state_id}, a state,`);
        account.states.add(fact.data.state_id);
        return this.bytesTaken(account, 'states', fact, mostBytes);
      case 'state.updated':
        return this.bytesTaken(account, 'states', fact, mostBytes);
      case 'state.deleted':
        account.states.delete(fact.data.state_id);
        account.bytes.states.delete(fact.data.state_id);
        return;
      case 'command.rejected':
        if (fact.data.code !== 'quota_exceeded') return;
        if (this.bytesRefused(account, 'states', fact, mostBytes)) return;
        insistFull(account.states.size, most, `a state of ${fact.tenantId}`);
        this.counters.add('states quota');
        return;
      default:
        return;
    }
  }

  private mostBytes(limits: Limits | undefined): number {
    return limits?.max_declared_bytes ?? this.defaults.maxBytes;
  }

  /** What takes no more than what it replaces is let in whatever the limit is by now. */
  private bytesTaken({ bytes }: Account, kind: keyof Account['bytes'], fact: Declared, most: number): void {
    const { data, tenantId } = fact;
    const id = 'state_id' in data ? data.state_id : data.schedule_id;
    const before = bytes[kind].get(id) ?? 0;
    const words = 'labels' in data ? [data.name, data.labels, data.spec] : [data.name, null, data.spec];
    const taken = Buffer.byteLength(JSON.stringify(words));
    bytes[kind].set(id, taken);
    const all = sumOf(bytes[kind]);
    const what = () => `${tenantId}/${id} is let in: ${all} of ${most} bytes of ${kind}`;
    insist(all <= most || taken <= before, 'ceilings', what);
  }

  /** Whether it was for the bytes. */
  private bytesRefused(
    { bytes }: Account,
    kind: keyof Account['bytes'],
    { data, tenantId }: Extract<Fact, { type: 'command.rejected' }>,
    most: number,
  ): boolean {
    const said = /^max_declared_bytes is (\d+): this takes (\d+) beside (\d+)/.exec(data.message);
    if (!said) return false;
    const [limit, taken, others] = said.slice(1).map(Number) as [number, number, number];
    const present = bytes[kind].get(data.resource_id ?? '') ?? 0;
    const used = sumOf(bytes[kind]) - present;
    const isRight = limit === most && others === used && taken > present && used + taken > most;
    insist(isRight, 'ceilings', () => `${tenantId}, with ${used} of ${most}, is refused: ${data.message}`);
    this.counters.add(kind === 'states' ? 'bytes of states' : 'bytes of schedules');
    return true;
  }

  private account(tenantId: string): Account {
    let account = this.accounts.get(tenantId);
    if (!account) {
      account = {
        limits: [],
        agents: new Set(),
        states: new Set(),
        bytes: { schedules: new Map(), states: new Map() },
      };
      this.accounts.set(tenantId, account);
    }
    return account;
  }
}

function sumOf(bytes: ReadonlyMap<string, number>): number {
  return [...bytes.values()].reduce((sum, one) => sum + one, 0);
}

function insistBelow(count: number, most: number, what: string): void {
  insist(count < most, 'ceilings', () => `${what} is let in beside ${count} of ${most}`);
}

function insistFull(count: number, most: number, what: string): void {
  insist(count >= most, 'ceilings', () => `${what} is refused beside ${count} of ${most}`);
}
