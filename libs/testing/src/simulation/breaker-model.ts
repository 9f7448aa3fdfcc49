import { type BreakerPolicies, type BreakerPolicy } from '@fluxforge/domain/breakers';
import { type BreakerScope, type Fact, type Labels, type TaskSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { taskKeyOf } from './task-key.js';
import { insist } from './violation.js';

interface End {
  readonly failed: boolean;
  /** What ran, for a failure that may be the command's own; null: the machine failed. */
  readonly work: string | null;
  readonly agentId: string;
  readonly atMs: number;
}

interface Guard {
  readonly policy: BreakerPolicy;
  phase: 'closed' | 'open' | 'half-open';
  untilMs: number;
  openings: number;
  ends: End[];
  probe: string | null;
  verdict: 'succeeded' | 'failed' | null;
}

interface Lease {
  readonly key: string;
  readonly agentId: string;
  readonly zone: string | undefined;
  readonly leasedAtMs: number;
}

interface Work {
  readonly spec: TaskSpec;
  /** A failure of it says nothing: it was cancelled, or is moved. */
  isToStop: boolean;
  lease: Lease | null;
}

type EndFact = Fact & { type: 'task.attempt-ended' | 'task.ended' };
type Opened = Fact & { type: 'breaker.opened' };

/** The breakers of one partition, told anew from the log: who is quarantined is given its probes and nothing else. */
export class BreakerModel {
  private readonly guards = new Map<string, Guard>();
  private readonly labels = new Map<string, Labels>();
  private readonly tasks = new Map<string, Work>();

  constructor(
    private readonly policies: BreakerPolicies,
    private readonly counters: Counters,
  ) {}

  fold(fact: Fact): void {
    switch (fact.type) {
      case 'agent.enrolled':
      case 'agent.changed':
        this.labels.set(`${fact.tenantId}/${fact.data.agent_id}`, fact.data.labels);
        return;
      case 'agent.removed':
        this.labels.delete(`${fact.tenantId}/${fact.data.agent_id}`);
        this.guards.delete(`${fact.tenantId}/agent/${fact.data.agent_id}`);
        return;
      case 'task.queued':
        this.tasks.set(taskKeyOf(fact), { spec: fact.data.spec, isToStop: false, lease: null });
        return;
      case 'task.move-requested':
      case 'task.cancel-requested': {
        const task = this.tasks.get(taskKeyOf(fact));
        if (task) task.isToStop = true;
        return;
      }
      case 'task.leased':
        return this.leased(fact);
      case 'task.attempt-ended':
      case 'task.ended':
        return this.over(fact);
      case 'breaker.opened':
        return this.opened(fact);
      case 'breaker.half-opened': {
        const guard = this.named(fact);
        insist(guard.phase === 'open', 'breakers', () => `half-opened while ${guard.phase}`);
        insist(fact.timeMs >= guard.untilMs, 'breakers', () => `half-opened before ${guard.untilMs}`);
        return turn(guard, 'half-open');
      }
      case 'breaker.closed': {
        const guard = this.named(fact);
        const byProbe = fact.data.reason === 'probe_succeeded';
        insist(!byProbe || guard.verdict === 'succeeded', 'breakers', () => 'closed without a good probe');
        this.counters.add(byProbe ? 'probe succeeded' : 'breaker reset');
        guard.openings = 0;
        return turn(guard, 'closed');
      }
      default:
        return;
    }
  }

  private guard(tenantId: string, scope: BreakerScope, name: string): Guard {
    const key = `${tenantId}/${scope}/${name}`;
    let guard = this.guards.get(key);
    if (!guard) {
      const policy = this.policies[scope];
      guard = { policy, phase: 'closed', untilMs: 0, openings: 0, ends: [], probe: null, verdict: null };
      this.guards.set(key, guard);
    }
    return guard;
  }

  private named({ tenantId, data }: Fact & { type: `breaker.${string}` }): Guard {
    const { scope, name } = data as { scope: BreakerScope; name: string };
    return this.guard(tenantId, scope, name);
  }

  private guardsOf(tenantId: string, agentId: string, zone: string | undefined): Guard[] {
    const own = this.guard(tenantId, 'agent', agentId);
    return zone === undefined ? [own] : [own, this.guard(tenantId, 'domain', zone)];
  }

  private leased(fact: Fact & { type: 'task.leased' }): void {
    const { tenantId, data, timeMs } = fact;
    const task = this.tasks.get(taskKeyOf(fact));
    const zone = this.labels.get(`${tenantId}/${data.agent_id}`)?.['zone'];
    if (!task) return;
    const key = `${data.task_id}/${data.life}/${data.attempt}`;
    const what = `${tenantId}/${key} to ${data.agent_id}`;
    task.lease = { key, agentId: data.agent_id, zone, leasedAtMs: timeMs };
    insist(data.decision.domain === zone, 'breakers', () => `${what}: domain ${data.decision.domain}`);
    const trials = this.guardsOf(tenantId, data.agent_id, zone).filter(({ phase }) => phase === 'half-open');
    for (const guard of this.guardsOf(tenantId, data.agent_id, zone)) {
      insist(guard.phase !== 'open', 'breakers', () => `${what}: its breaker is open`);
      const due = guard.phase === 'closed' && weight(guard) >= guard.policy.failures;
      insist(!due, 'breakers', () => `${what}: its breaker should have opened`);
    }
    insist((data.decision.probe ?? false) === trials.length > 0, 'breakers', () => `${what}: probe or not`);
    for (const guard of trials) {
      insist(guard.probe === null && guard.verdict === null, 'breakers', () => `${what}: a second probe`);
      guard.probe = key;
    }
  }

  private over(fact: EndFact): void {
    const { tenantId, data } = fact;
    const task = this.tasks.get(taskKeyOf(fact));
    if (!task) return;
    if (task.lease && data.outcome) {
      const { agentId, zone } = task.lease;
      if (this.labels.has(`${tenantId}/${agentId}`)) {
        this.take(this.guard(tenantId, 'agent', agentId), task, task.lease, fact, 'agent');
      }
      if (zone !== undefined)
        this.take(this.guard(tenantId, 'domain', zone), task, task.lease, fact, 'domain');
    }
    task.lease = null;
    task.isToStop = false;
    if (fact.type === 'task.ended') this.tasks.delete(taskKeyOf(fact));
  }

  private take(guard: Guard, task: Work, lease: Lease, fact: EndFact, scope: BreakerScope): void {
    const end = tell(task, lease, fact, scope);
    if (guard.phase !== 'closed') {
      if (guard.probe !== lease.key) return;
      guard.probe = null;
      if (end) guard.verdict = end.failed ? 'failed' : 'succeeded';
      return;
    }
    if (!end) return;
    const known =
      end.failed &&
      end.work === null &&
      guard.ends.some(
        (one) =>
          one.failed && one.work === null && one.agentId === end.agentId && one.atMs > lease.leasedAtMs,
      );
    // Whoever has had no failure yet is not watched.
    if (known || (!end.failed && guard.ends.every((one) => !one.failed))) return;
    guard.ends = [...guard.ends, end].slice(-guard.policy.of);
  }

  private opened(fact: Opened): void {
    const guard = this.named(fact);
    const { reason, until_ms, failures } = fact.data;
    const what = `${fact.data.scope} ${fact.data.name} of ${fact.tenantId}`;
    if (reason === 'probe_failed') {
      insist(guard.verdict === 'failed', 'breakers', () => `${what} opened without a bad probe`);
      this.counters.add('probe failed');
    } else {
      const due = guard.phase === 'closed' && weight(guard) >= guard.policy.failures;
      insist(due && weight(guard) === failures, 'breakers', () => `${what} opened by ${weight(guard)}`);
      this.counters.add(fact.data.scope === 'agent' ? 'breaker opened' : 'domain breaker opened');
    }
    const { cooldownMs, maxCooldownMs } = guard.policy;
    const spanMs = Math.min(maxCooldownMs, cooldownMs * 2 ** guard.openings);
    insist(until_ms === fact.timeMs + spanMs, 'breakers', () => `${what} opened until ${until_ms}`);
    guard.untilMs = until_ms;
    guard.openings += 1;
    turn(guard, 'open');
  }
}

function turn(guard: Guard, phase: Guard['phase']): void {
  guard.phase = phase;
  guard.ends = [];
  guard.probe = null;
  guard.verdict = null;
}

function weight({ ends, policy }: Guard): number {
  const bad = ends.filter((one) => one.failed);
  const works = new Set(bad.flatMap(({ work }) => work ?? []));
  const heavy = bad.filter(({ work }) => work === null || works.size >= policy.minDistinct);
  return new Set(heavy.map(({ agentId }) => agentId)).size < policy.minAgents ? 0 : heavy.length;
}

function tell(task: Work, { agentId }: Lease, { data, timeMs }: EndFact, scope: BreakerScope): End | null {
  const end = { failed: true, work: null, agentId, atMs: timeMs };
  if (data.outcome === 'exited' && data.exit_code === 0) return { ...end, failed: false };
  if ('end' in data && data.end === 'expired') return null;
  if (task.isToStop || data.outcome === 'cancelled' || data.outcome === 'undelivered') return null;
  if (data.outcome === 'interrupted') return scope === 'agent' ? end : null;
  if (data.outcome === 'lease_expired' || data.outcome === 'refused') return end;
  return { ...end, work: JSON.stringify([task.spec.executor, task.spec.command]) };
}
