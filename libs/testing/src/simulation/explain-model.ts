import { type Agent } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import {
  cloneRealm,
  type Explanation,
  type Queued,
  type Remedy,
  type TasksContext,
  type TasksMessage,
  type TasksState,
} from '@fluxforge/domain/tasks-context';
import { systemTenant, type TasksCommandBody } from '@fluxforge/events/catalogue';
import { type Task } from '@fluxforge/domain/task';
import { type Counters } from './counters.js';
import { TrialHost } from './trial-host.js';
import { insist } from './violation.js';

/** As often as nothing is left to decide, one waiting task is asked why. */
const everyRests = 60;
/** In calls of `plan`: long enough for some tasks to be leased or to end. */
const looksBetweenSteps = 7;

/**
 * The context as hosts run it, its explanations held to their word: what one names is done on a copy of the tenant,
 * and then the task must be leased, have ended, or show another rule.
 */
export function withExplanations(context: TasksContext, counters: Counters): TasksContext {
  let rests = 0;
  const slow = new SlowExplanation(context, counters);
  return {
    ...context,
    plan: (state, nowMs, room) => {
      slow.look(state, nowMs);
      const events = context.plan(state, nowMs, room);
      if (events.length > 0 || room < 1) return events;
      rests += 1;
      if (rests % everyRests === 0) ask(context, state, nowMs, rests / everyRests, counters);
      return events;
    },
  };
}

function waitingIn(state: TasksState): Task[] {
  return [...state.realms.values()].flatMap((realm) =>
    [...realm.tasks.values()].filter(({ lease }) => !lease),
  );
}

/** One that is made in steps, while the partition goes on: it must say what one in one piece says at its end. */
class SlowExplanation {
  private asked: {
    readonly state: TasksState;
    readonly task: Task;
    readonly atMs: number;
    readonly steps: Generator<void, Explanation>;
  } | null = null;
  private looks = 0;

  constructor(
    private readonly context: TasksContext,
    private readonly counters: Counters,
  ) {}

  /** Before the partition goes on. */
  look(state: TasksState, nowMs: number): void {
    this.looks += 1;
    if (this.looks % looksBetweenSteps !== 0) return;
    if (this.asked?.state === state) this.goOn(this.asked);
    else this.begin(state, nowMs);
  }

  private begin(state: TasksState, atMs: number): void {
    this.asked = null;
    const waiting = waitingIn(state);
    const task = waiting[this.looks % Math.max(1, waiting.length)];
    if (!task) return;
    const steps = this.context.explain(state, task.tenantId, task.id, atMs);
    if (!steps.next().done) this.asked = { state, task, atMs, steps };
  }

  private goOn({ state, task: { tenantId, id }, atMs, steps }: NonNullable<SlowExplanation['asked']>): void {
    const { done, value: slow } = steps.next();
    if (!done) return;
    this.asked = null;
    this.counters.add('explained in steps');
    if (slow.phase !== 'queued') this.counters.add('moved while it was explained');
    const quick = this.context.explainTask(state, tenantId, id, atMs);
    const [said, wanted] = [slow, quick].map((one) =>
      JSON.stringify(one.phase === 'queued' ? [one.rule, one.untilMs] : one),
    );
    insist(said === wanted, 'explain', () => `${tenantId}/${id}: made in steps ${said}, at once ${wanted}`);
  }
}

function ask(
  context: TasksContext,
  state: TasksState,
  nowMs: number,
  turn: number,
  counters: Counters,
): void {
  const waiting = waitingIn(state);
  const task = waiting[turn % Math.max(1, waiting.length)];
  if (!task) return;
  const { id, tenantId } = task;
  const why = context.explainTask(state, tenantId, id, nowMs);
  if (why.phase !== 'queued') return;
  // Nothing is left to decide: a task whose turn it were would have a lease.
  insist(why.rule !== 'turn', 'explain', () => `${tenantId}/${id} waits for its turn, and nothing is done`);
  insist(why.remedies.length > 0, 'explain', () => `${tenantId}/${id}: nothing would help ${why.rule}`);
  for (const [i, remedy] of why.remedies.entries()) {
    if (remedy.kind === 'submit-otherwise') continue;
    const trial = new Trial(context, state, tenantId, nowMs);
    trial.heed(remedy);
    counters.add(i === 0 ? 'remedy tried' : 'alternative tried');
    if (remedy.kind === 'add-agents' && remedy.maxAgents !== null)
      counters.add('agents above their limit tried');
    const after = trial.heedRest(remedy, id, why.rule);
    const helped = after.phase !== 'queued' || after.rule !== why.rule;
    insist(helped, 'explain', () => said(`${tenantId}/${id}`, why.rule, remedy, after as Queued));
  }
}

function said(task: string, rule: string, done: Remedy, after: Queued): string {
  return `${task}: ${rule} stands after ${JSON.stringify(done)}, next ${JSON.stringify(after.remedies[0])}`;
}

/** One tenant on its own, in which what a remedy names is done. */
class Trial {
  private readonly state: TasksState;
  private readonly host;

  constructor(
    private readonly context: TasksContext,
    state: TasksState,
    private readonly tenantId: string,
    nowMs: number,
  ) {
    this.state = cloneRealm(state, context.policy, tenantId)!;
    this.host = new TrialHost(context, this.state, nowMs);
    // What comes into being meanwhile could take the place that a remedy makes.
    for (const schedule of this.realm.scheduling.schedules.values())
      this.state.scheduleTimers.delete(schedule);
    for (const fanout of this.realm.fanouts.live.values()) this.state.fanoutsDue.delete(fanout);
    this.realm.fanouts.live.clear();
  }

  private get realm() {
    return this.state.realms.get(this.tenantId)!;
  }

  heed(remedy: Remedy): void {
    switch (remedy.kind) {
      case 'wait-until':
        // Who is the probe of a breaker may be another by then.
        for (const atMs of this.coolingUntil(remedy.atMs)) this.wait(atMs);
        return this.wait(remedy.atMs);
      case 'raise-limit':
        return this.raise(remedy.limit, remedy.to);
      case 'end-tasks':
        // All of them, before anything else is decided: else what is smaller takes each place that comes free.
        for (const id of remedy.taskIds) this.end(id);
        return this.host.settle();
      case 'add-agents':
        if (remedy.maxAgents !== null) this.raise('max_agents', remedy.maxAgents);
        for (let i = 0; i < remedy.count; i++) this.addAgent(`trial-${i}`, remedy);
        return;
      case 'raise-slots':
        return this.connect(this.agent(remedy.agentId), { slots: remedy.to });
      case 'relabel-agent': {
        const agent = this.agent(remedy.agentId);
        const executors = [...new Set([...agent.executors, remedy.executor])];
        return this.connect(agent, { labels: remedy.labels, executors });
      }
      case 'connect-agent':
        return this.connect(this.agent(remedy.agentId), {});
      case 'undrain-agent':
        return this.command({ type: 'agent.drain', data: { agent_id: remedy.agentId, drain: false } });
      case 'release-brake':
        return this.command({ type: 'tenant.release-brake', data: {} });
      case 'reset-breakers':
        for (const { scope, name } of remedy.breakers) {
          if (scope === 'agent') this.command({ type: 'agent.reset-breaker', data: { agent_id: name } });
          else this.command({ type: 'domain.reset-breaker', data: { domain: name } });
        }
        return;
      case 'set-mode':
        for (const scope of remedy.scopes) this.setMode(scope, remedy.mode);
        return;
      case 'none-needed':
      case 'submit-otherwise':
        return;
    }
  }

  private coolingUntil(endMs: number): number[] {
    const open = this.realm.breakers
      .all()
      .filter(({ phase, untilMs }) => phase === 'open' && untilMs < endMs);
    return open.map(({ untilMs }) => untilMs).sort((a, b) => a - b);
  }

  private wait(untilMs: number): void {
    this.host.nowMs = Math.max(this.host.nowMs, untilMs);
    // All who are connected go on answering meanwhile: else they would be lost, and that would show.
    for (const agent of this.realm.agents.values()) this.answer(agent);
    this.host.settle();
  }

  /** What there was no room to name is named when the first have ended. Each time some end, so this comes to an end. */
  heedRest(remedy: Remedy, taskId: string, rule: Queued['rule']): Explanation {
    for (let last = remedy; ;) {
      const after = this.context.explainTask(this.state, this.tenantId, taskId, this.host.nowMs);
      const stands = after.phase === 'queued' && after.rule === rule;
      if (!stands || last.kind !== 'end-tasks' || last.more === 0) return after;
      const next = after.remedies.find(({ kind }) => kind === 'end-tasks');
      if (!next) return after;
      this.heed((last = next));
    }
  }

  private setMode(scope: 'tenant' | 'cluster', mode: 'normal'): void {
    if (scope === 'tenant') return this.command({ type: 'tenant.set-mode', data: { mode } });
    this.command({ type: 'cluster.set-mode', data: { mode } }, systemTenant);
  }

  private raise(limit: string, to: number): void {
    const limits = { ...this.realm.tenant.limits, [limit]: to };
    this.command({ type: 'tenant.set-limits', data: { limits } });
  }

  private end(id: string): void {
    const task = this.realm.tasks.get(id);
    if (!task) return;
    if (!task.lease) return this.host.decide({ type: 'task.cancel', data: { task_id: id } }, this.tenantId);
    const { agentId, attempt } = task.lease;
    const ref = { tenantId: this.tenantId, agentId, taskId: id, life: task.life, attempt };
    this.host.hear({ kind: 'result', ...ref, run: { outcome: 'exited', exit_code: 0 } });
  }

  private agent(id: string): Agent {
    return this.realm.agents.get(id)!;
  }

  private addAgent(id: string, said: Extract<Remedy, { kind: 'add-agents' }>): void {
    const { labels, slots, capacity, executor } = said;
    const { tenantId } = this;
    const hash = Buffer.from(id).toString('hex').padStart(64, '0');
    const token = { token_hash: hash, labels: {}, expires_at_ms: this.host.nowMs + 1 };
    this.host.take(decided('join-token.created', tenantId, id, { token_id: id, ...token }));
    const data = { labels, slots, capacity, executors: [executor], agent_version: '1' };
    const fresh = { agent_id: id, name: id, token_hash: hash, credential_hash: hash };
    this.command({ type: 'agent.enrol', data: { ...fresh, ...data } });
    this.connect(this.agent(id), {});
  }

  private connect(agent: Agent, over: Partial<Pick<Agent, 'labels' | 'slots' | 'executors'>>): void {
    const { id: agentId, tenantId, labels, slots, capacity, executors, version: agentVersion } = agent;
    const inventory = [...agent.leases].map((taskId) => {
      const { life, attemptsUsed: attempt } = this.realm.tasks.get(taskId)!;
      return { taskId, life, attempt, finished: false };
    });
    const hello = { labels, slots, executors, agentVersion, ...(capacity && { capacity }), ...over };
    this.say({ kind: 'connected', tenantId, agentId, sessionId: 'trial', inventory, ...hello });
  }

  private answer({ id: agentId, tenantId, session, leases, slots }: Agent): void {
    if (!session) return;
    const from = { tenantId, agentId, sessionId: session.id, stopping: session.stopping };
    const running = [...leases].map((taskId) => {
      const { life, attemptsUsed: attempt } = this.realm.tasks.get(taskId)!;
      return { tenantId, agentId, taskId, life, attempt };
    });
    const heartbeat = {
      kind: 'heartbeat',
      ...from,
      answeredAtMs: this.host.nowMs,
      freeSlots: slots,
      running,
    } as const;
    this.context.observe(this.state, heartbeat, this.host.nowMs);
  }

  private command(body: TasksCommandBody, tenantId = this.tenantId): void {
    this.host.decide(body, tenantId);
    this.host.settle();
  }

  private say(message: TasksMessage): void {
    this.host.hear(message);
    this.host.settle();
  }
}
