import {
  type EventData,
  type Fact,
  type FanoutMemberEnd,
  type ReasonCode,
} from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { askedFor } from './fanout-retries.js';
import { insist } from './violation.js';

interface FanoutModel {
  readonly data: EventData<'fanout.started'>;
  readonly started: Set<string>;
  readonly live: Map<string, string>;
  /** Of those that live, whose cancel was requested. */
  readonly toStop: Set<string>;
  readonly ends: Map<string, FanoutMemberEnd>;
  cancelled: boolean;
  over: EventData<'fanout.ended'> | null;
}

/** What fan-outs promise, of one partition; written apart from the folds it judges. */
export class FanoutModels {
  private readonly fanouts = new Map<string, FanoutModel>();
  private readonly agents = new Map<string, Map<string, Readonly<Record<string, string>>>>();

  constructor(private readonly counters: Counters) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'agent.enrolled':
      case 'agent.changed': {
        const agents = this.agents.get(fact.tenantId) ?? new Map<string, Readonly<Record<string, string>>>();
        this.agents.set(fact.tenantId, agents.set(fact.data.agent_id, fact.data.labels));
        return;
      }
      case 'agent.removed':
        this.agents.get(fact.tenantId)?.delete(fact.data.agent_id);
        return;
      case 'fanout.started':
        return this.started(fact);
      case 'fanout.cancelled': {
        const one = this.live(fact.tenantId, fact.data.fanout_id);
        insist(!one.cancelled, 'fan-out', () => `${fact.data.fanout_id} was cancelled twice`);
        one.cancelled = true;
        this.counters.add('fan-out cancelled');
        return;
      }
      case 'task.queued':
        if (fact.data.batch?.fanout_id !== undefined) this.child(fact, fact.data.batch.fanout_id);
        return;
      case 'task.rejected':
        if (fact.data.batch?.fanout_id !== undefined) this.refused(fact, fact.data.batch.fanout_id);
        return;
      case 'task.cancel-requested':
        for (const one of this.fanouts.values()) {
          if (!one.live.has(fact.data.task_id)) continue;
          one.toStop.add(fact.data.task_id);
          insistOfCancel(one, fact.data);
        }
        return;
      case 'task.ended':
        for (const one of this.fanouts.values()) this.childEnded(one, fact);
        return;
      case 'fanout.ended':
        return this.ended(fact);
      default:
        return;
    }
  }

  *ids(tenantId: string): Iterable<string> {
    for (const [key, { data }] of this.fanouts) if (key.startsWith(`${tenantId}/`)) yield data.fanout_id;
  }

  unfinished(): string | null {
    for (const [id, { over }] of this.fanouts) if (!over) return `fan-out ${id} has not ended`;
    return null;
  }

  /** The owner has nothing to decide: of what was cancelled or has failed too often, nothing waits for a step. */
  rested(): void {
    for (const [id, one] of this.fanouts) {
      if (one.over || !(one.cancelled || this.spent(one))) continue;
      insist(one.live.size > 0, 'fan-out stops', () => `${id} has nothing left to do, and has not ended`);
      const spared = [...one.live.keys()].filter((taskId) => one.cancelled && !one.toStop.has(taskId));
      insist(spared.length === 0, 'fan-out cancel', () => `${spared.join()} of ${id} were not cancelled`);
    }
  }

  private started({ tenantId, data }: Fact & { type: 'fanout.started' }): void {
    const key = `${tenantId}/${data.fanout_id}`;
    insist(!this.fanouts.has(key), 'fan-out', () => `${key} started twice`);
    const expected = data.retry_of === undefined ? this.matching(tenantId, data) : null;
    if (expected) {
      const same = expected.join() === data.members.join();
      insist(same, 'fan-out members', () => `${key}: ${data.members.join()}, matching ${expected.join()}`);
    } else this.retried(tenantId, data);
    const fresh = { started: new Set<string>(), live: new Map<string, string>(), toStop: new Set<string>() };
    const ends = new Map<string, FanoutMemberEnd>();
    this.fanouts.set(key, { data, ...fresh, ends, cancelled: false, over: null });
  }

  private matching(tenantId: string, { spec }: EventData<'fanout.started'>): string[] {
    const fits = (labels: Readonly<Record<string, string>>): boolean =>
      spec.selector.every(({ key, values }) => values.includes(labels[key] ?? ''));
    return [...(this.agents.get(tenantId) ?? [])].filter(([, labels]) => fits(labels)).map(([id]) => id);
  }

  private retried(tenantId: string, data: EventData<'fanout.started'>): void {
    const { retry_of: of, members, fanout_id: id } = data;
    const over = this.fanouts.get(`${tenantId}/${of}`)?.over;
    const asked = askedFor(id);
    const bad = over?.members.filter(({ end }) => asked.includes(end)).map(({ agent_id }) => agent_id);
    insist(bad?.join() === members.join(), 'fan-out retry', () => `${of}: ${members.join()}`);
    this.counters.add('fan-out retried');
  }

  private child({ tenantId, data }: Fact & { type: 'task.queued' }, id: string): void {
    const one = this.live(tenantId, id);
    const agentId = data.spec.agent_id ?? '';
    const what = (): string => `${data.task_id} for ${agentId} of ${one.data.members.join()}`;
    insist(one.data.members.includes(agentId), 'fan-out members', what);
    insist(!one.started.has(agentId), 'fan-out: each member once', what);
    insist(!one.cancelled && !this.spent(one), 'fan-out stops', what);
    const places = Math.max(1, allowance(one.data.spec.max_concurrency, one.data.members.length));
    insist(one.live.size < places, 'fan-out concurrency', () => `${what()}: ${one.live.size} of ${places}`);
    one.started.add(agentId);
    one.live.set(data.task_id, agentId);
  }

  private refused({ tenantId, data }: Fact & { type: 'task.rejected' }, id: string): void {
    const one = this.live(tenantId, id);
    const agentId = one.data.members[Number(data.task_id.slice(id.length + 1))] ?? '';
    insist(!one.started.has(agentId), 'fan-out: each member once', () => data.task_id);
    one.started.add(agentId);
    one.ends.set(agentId, 'failed');
  }

  private childEnded(one: FanoutModel, { data }: Fact & { type: 'task.ended' }): void {
    const agentId = one.live.get(data.task_id);
    if (agentId === undefined) return;
    one.live.delete(data.task_id);
    insistOfCancel(one, data);
    if (data.reason === 'fanout_cancelled') this.counters.add('member cancelled');
    const isOver = ['cancelled', 'expired', 'delivery_timed_out'].includes(data.end);
    const unstarted = isOver && data.attempts_used === 0;
    const bad = data.end === 'lost' ? 'unknown' : unstarted ? 'not_started' : 'failed';
    one.ends.set(agentId, data.end === 'succeeded' ? 'succeeded' : bad);
  }

  private ended({ tenantId, data }: Fact & { type: 'fanout.ended' }): void {
    const one = this.live(tenantId, data.fanout_id);
    insist(one.live.size === 0, 'fan-out', () => `${data.fanout_id} ended, and ${one.live.size} live`);
    const counts = { succeeded: 0, failed: 0, not_started: 0, unknown: 0 };
    for (const id of one.data.members) counts[one.ends.get(id) ?? 'not_started'] += 1;
    for (const name of ['succeeded', 'failed', 'not_started', 'unknown'] as const) {
      insist(counts[name] === data[name], 'fan-out counts', () => `${data.fanout_id}: ${data[name]} ${name}`);
    }
    const reason = one.cancelled
      ? 'fanout_cancelled'
      : this.spent(one)
        ? 'fanout_max_failures'
        : 'fanout_complete';
    insist(data.reason === reason, 'fan-out', () => `${data.fanout_id}: ${data.reason}, not ${reason}`);
    if (reason === 'fanout_max_failures') this.counters.add('fan-out stopped');
    one.over = data;
  }

  private spent({ data, ends }: FanoutModel): boolean {
    let bad = 0;
    for (const end of ends.values()) if (end === 'failed' || end === 'unknown') bad += 1;
    return bad > allowance(data.spec.max_failures, data.members.length);
  }

  private live(tenantId: string, id: string): FanoutModel {
    const one = this.fanouts.get(`${tenantId}/${id}`);
    insist(one !== undefined && !one.over, 'fan-out', () => `${tenantId}/${id} is not there, or has ended`);
    return one;
  }
}

function insistOfCancel(
  { cancelled, data: { fanout_id: id } }: FanoutModel,
  { reason, task_id: taskId }: { reason: ReasonCode; task_id: string },
): void {
  const fits = cancelled || reason !== 'fanout_cancelled';
  insist(fits, 'fan-out cancel', () => `${taskId} was cancelled with ${id}, which was not`);
}

function allowance(budget: { count: number } | { percent: number }, total: number): number {
  return 'count' in budget ? budget.count : Math.ceil((budget.percent * total) / 100);
}
