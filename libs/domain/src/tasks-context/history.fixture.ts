import fc from 'fast-check';
import {
  type CommandData,
  type Decided,
  type TasksCommandBody,
  type TaskSpec,
} from '@fluxforge/events/catalogue';
import { type LeaseRef, type RunReport } from '@fluxforge/domain/agent';
import { command, fact, foreign, hash, held, policy, spec, World } from './scenario.fixture.js';
import { type Own } from './decide.js';

/**
 * Random histories of one partition: two tenants, a few agents with a memory of their own, commands, losses,
 * takeovers. A step names things by small numbers, so that histories meet themselves often.
 */

export type Step =
  | { readonly act: 'submit'; readonly who: number; readonly task: number; readonly shape: number }
  | { readonly act: 'cancel' | 'request' | 'withdraw'; readonly who: number; readonly task: number }
  | {
      readonly act: 'connect' | 'die' | 'drain' | 'remove' | 'enrol' | 'beat';
      readonly who: number;
      readonly agent: number;
    }
  | {
      readonly act: 'start' | 'report' | 'late';
      readonly who: number;
      readonly agent: number;
      readonly shape: number;
    }
  | { readonly act: 'wait'; readonly spanMs: number }
  | { readonly act: 'take-over' };

const who = fc.integer({ min: 0, max: 1 });
const agent = fc.integer({ min: 0, max: 3 });
const task = fc.integer({ min: 0, max: 12 });
const shape = fc.integer({ min: 0, max: 11 });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ act: fc.constant('submit' as const), who, task, shape }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom('cancel', 'request', 'withdraw'), who, task }) },
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constantFrom('connect', 'connect', 'beat', 'beat', 'die', 'drain', 'remove', 'enrol', 'enrol'),
      who,
      agent,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ act: fc.constantFrom('start', 'report', 'report', 'late'), who, agent, shape }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('wait' as const),
      spanMs: fc.constantFrom(1, 100, 500, 500, 2_000, 2_000, 5_000, 10_000, 20_000, 90_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ act: 'take-over' as const }) },
);

export const histories = fc.array(step, { minLength: 20, maxLength: 140 });

const runs: readonly RunReport[] = [
  { outcome: 'exited', exit_code: 0 },
  { outcome: 'exited', exit_code: 1 },
  { outcome: 'timed_out' },
  { outcome: 'interrupted' },
  { outcome: 'refused' },
  { outcome: 'cancelled' },
];

const tenants = ['t', 'u'] as const;

/** Of one agent's disk: what it holds, and what it has held. */
interface Disk {
  running: LeaseRef[];
  past: LeaseRef[];
  connected: boolean;
}

export class History {
  readonly world = new World();
  private readonly disks = new Map<string, Disk>();
  private inputs = 0;

  constructor(private readonly takeOverBy: 'log' | 'snapshot' = 'log') {
    const limits = { max_queued_tasks: 8, max_queued_bytes: 1_300, max_agents: 3, max_states: 1 };
    for (const [who, id] of tenants.entries()) {
      this.world.given(fact.tenant(id, { limits }));
      for (const agent of [0, 1]) {
        this.run({ act: 'enrol', who, agent });
        this.run({ act: 'connect', who, agent });
      }
    }
  }

  /** The events of the step; also those of the plan that followed. */
  run(one: Step): Decided<Own>[] {
    const { world } = this;
    this.inputs += 1;
    const events = this.apply(one);
    for (const effect of world.takeOut('push-lease'))
      this.deliver(effect as LeaseRef & { agentId: string; tenantId: string });
    for (const effect of world.takeOut('drop-lease'))
      this.drop(effect as LeaseRef & { agentId: string; tenantId: string });
    world.out = [];
    return events;
  }

  private apply(one: Step): Decided<Own>[] {
    const { world } = this;
    switch (one.act) {
      case 'submit':
        return this.command('task.submit', this.submission(one.task, one.shape), one.who);
      case 'cancel':
        return this.command('task.cancel', { task_id: this.cancelled(one.task, one.who) }, one.who);
      case 'request':
      case 'withdraw':
        return this.remediation(one.act, one.task, one.who);
      case 'wait':
        return world.after(one.spanMs);
      case 'take-over':
        return this.takeOver();
      case 'enrol':
        return this.enrol(one.who, one.agent);
      case 'drain':
        return this.command(
          'agent.drain',
          { agent_id: `a${one.agent}`, drain: this.inputs % 2 === 0 },
          one.who,
        );
      case 'remove':
        return this.command('agent.remove', { agent_id: `a${one.agent}` }, one.who);
      default:
        return this.ofAgent(one);
    }
  }

  private command<T extends TasksCommandBody['type']>(type: T, data: CommandData<T>, who: number) {
    const input = command(type, data, tenants[who]);
    const events = this.world.input({ ...input, command: { ...input.command, id: `c${this.inputs}` } });
    if (events.length === 0) throw new Error(`No answer to ${type}.`);
    return events;
  }

  /** Ids that no key names are drawn afresh; here they are met again for as long as ended tasks are known. */
  private id(letter: string, task: number): string {
    return `${letter}${task}-${Math.floor(this.world.nowMs / policy.endedKeptMs)}`;
  }

  private submission(task: number, shape: number) {
    const specs: Partial<TaskSpec>[] = [
      {},
      { priority: 0 },
      { priority: 9, executor: 'noop' },
      { agent_id: 'a1' },
      { selector: [{ key: 'zone', op: 'in', values: ['z1', 'z2'] }] },
      { selector: [{ key: 'zone', op: 'not-in', values: ['z1'] }] },
      { not_before_ms: this.world.nowMs + 3_000 },
      { not_after_ms: this.world.nowMs + 4_000 },
      { max_attempts: 1 },
      { execution_timeout_ms: 1_000 },
      { selector: [{ key: 'gpu', op: 'exists', values: [] }] },
      { agent_id: 'a2', selector: [{ key: 'zone', op: 'in', values: ['z2'] }] },
    ];
    const said = { spec: spec({ delivery_timeout_ms: 60_000, ...specs[shape] }) };
    if (shape % 3 !== 0) return { task_id: this.id('x', task), ...said };
    const key = task % 6;
    const body_hash = hash(shape === 9 ? 'd' : 'b');
    return { task_id: `k${key}`, keyed: { key_hash: hash(String(key)), body_hash }, ...said };
  }

  /** Mostly of one that is leased, or cancels would hardly ever meet a run. */
  private cancelled(task: number, who: number): string {
    const tasks = this.world.state.realms.get(tenants[who]!)!.tasks.values();
    const leased = [...tasks].filter((one) => one.lease !== null);
    return task % 4 > 0 && leased.length > 0 ? leased[task % leased.length]!.id : this.id('x', task);
  }

  private remediation(act: 'request' | 'withdraw', task: number, who: number): Decided<Own>[] {
    const origin = {
      state_id: 's',
      agent_id: `a${task % 4}`,
      generation: 1,
      attempt: 1,
      task_id: this.id('r', task),
    };
    const tenantId = tenants[who]!;
    if (act === 'withdraw') {
      const data = { ...origin, reason: 'state_deleted' as const };
      return this.world.input(foreign({ type: 'remediation.withdrawn', data }, tenantId));
    }
    const limits = { priority: 2, execution_timeout_ms: 5_000, not_after_ms: this.world.nowMs + 30_000 };
    const data = { ...origin, command: 'true', ...limits };
    return this.world.input(foreign({ type: 'remediation.requested', data }, tenantId));
  }

  private enrol(who: number, agent: number): Decided<Own>[] {
    const id = `a${agent}`;
    const token_hash = hash(`${who}${agent}`);
    const token_id = `tok${this.inputs}`;
    const expires_at_ms = this.world.nowMs + 1;
    const token = { token_id, token_hash, labels: {}, expires_at_ms };
    const said = { name: id, credential_hash: hash('c'), labels: labelsOf(agent), agent_version: '1' };
    const events = this.command('join-token.create', token, who);
    const executors = ['shell' as const];
    const enrolment = { agent_id: id, token_hash, ...said, slots: 1 + (agent % 2), executors };
    return [...events, ...this.command('agent.enrol', enrolment, who)];
  }

  private disk(tenantId: string, agentId: string): Disk {
    const key = `${tenantId}/${agentId}`;
    let disk = this.disks.get(key);
    if (!disk) this.disks.set(key, (disk = { running: [], past: [], connected: false }));
    return disk;
  }

  private ofAgent(one: Extract<Step, { agent: number }>): Decided<Own>[] {
    const agentId = `a${one.agent}`;
    const tenantId = tenants[one.who]!;
    const disk = this.disk(tenantId, agentId);
    const from = { tenantId, agentId };
    const session = { ...from, sessionId: `${agentId}-s` };
    switch (one.act) {
      case 'connect':
        disk.connected = true;
        return this.world.say({
          kind: 'connected',
          ...session,
          labels: labelsOf(one.agent),
          slots: 1 + (one.agent % 2),
          executors: one.agent === 0 ? ['shell', 'noop'] : ['shell'],
          agentVersion: '1',
          inventory: disk.running.map((ref) => ({ ...held(ref.taskId, ref.attempt), life: ref.life })),
        });
      case 'beat': {
        if (!disk.connected) return [];
        const answer = { answeredAtMs: this.world.nowMs, freeSlots: 0, running: disk.running };
        return this.world.say({ kind: 'heartbeat', ...session, ...answer });
      }
      case 'die':
        disk.connected = false;
        if (this.inputs % 2 === 0) disk.running = [];
        return this.world.say({ kind: 'disconnected', ...session });
      case 'start':
      case 'report':
      case 'late':
        return this.report(one, disk, from);
      default:
        return [];
    }
  }

  private report(
    one: Extract<Step, { shape: number; agent: number }>,
    disk: Disk,
    from: { tenantId: string; agentId: string },
  ): Decided<Own>[] {
    const list = one.act === 'late' ? disk.past : disk.running;
    const ref = list[one.shape % Math.max(1, list.length)];
    if (!ref) return [];
    if (one.act === 'start') return this.world.say({ kind: 'started', ...from, ...ref, startedAtMs: 1 });
    disk.running = disk.running.filter((other) => other !== ref);
    return this.world.say({ kind: 'result', ...from, ...ref, run: runs[one.shape % runs.length]! });
  }

  private deliver({
    tenantId,
    agentId,
    taskId,
    life,
    attempt,
  }: LeaseRef & { tenantId: string; agentId: string }) {
    const disk = this.disk(tenantId, agentId);
    const ref = { taskId, life, attempt };
    // One in five is lost on the way.
    if (!disk.connected || (this.inputs + attempt) % 5 === 0) return;
    disk.running.push(ref);
    disk.past.push(ref);
  }

  private drop({
    tenantId,
    agentId,
    taskId,
    life,
    attempt,
  }: LeaseRef & { tenantId: string; agentId: string }) {
    const disk = this.disk(tenantId, agentId);
    disk.running = disk.running.filter(
      (ref) => ref.taskId !== taskId || ref.life !== life || ref.attempt !== attempt,
    );
  }

  private takeOver(): Decided<Own>[] {
    const { world } = this;
    for (const disk of this.disks.values()) disk.connected = false;
    if (this.takeOverBy === 'log') world.takeOver();
    else {
      world.state = world.context.deserialize(world.context.serialize(world.state))!;
      world.out = world.context.resume(world.state, world.nowMs);
    }
    return world.settle();
  }
}

function labelsOf(agent: number): Record<string, string> {
  return agent === 3 ? { zone: 'z3', gpu: 'a' } : { zone: `z${agent}` };
}
