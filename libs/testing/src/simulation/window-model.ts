import { isWindowReason } from '@fluxforge/domain/windows';
import { place } from '@fluxforge/domain/reconciling';
import { type StatesContext, type StatesPolicy } from '@fluxforge/domain/states-context';
import { type ChangeWindow, type Fact, type StateSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';
import { isOpen } from './wall-clock.js';

/** Between a decision and the time that its batch is given. */
const slackMs = 1_000;
const minuteMs = 60_000;

type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;
type StatesState = ReturnType<StatesContext['initial']>;
type Target = Parameters<typeof place>[0];

interface Asked {
  readonly windows: readonly ChangeWindow[];
  readonly atMs: number;
  readonly notAfterMs: number;
}

/**
 * No remediation is asked for while its state's windows are shut, and none begins then, by an oracle of its own. One
 * that the windows shut out is nobody's failure.
 */
export class WindowModel {
  /** What each remediation was asked for under, and when: a later generation's windows are not its own. */
  private readonly asked = new Map<string, Asked>();

  constructor(
    private readonly counters: Counters,
    /** How far an owner's clock may be ahead of a machine's. */
    private readonly skewMs: number,
  ) {}

  /** What opens never is refused: all that is due again before it is over, at every minute. */
  declared({ windows }: StateSpec, stateId: string): void {
    const isShut = windows?.some(({ effect, cron }) => effect === 'deny' && cron === '* * * * *') ?? false;
    insist(!isShut, 'change windows', () => `${stateId} is taken on, and its windows never open`);
  }

  requested({ tenantId, data, timeMs }: Of<'remediation.requested'>, windows: StateSpec['windows']): void {
    if (!windows || windows.length === 0) return;
    const notAfterMs = data.not_after_ms;
    this.asked.set(`${tenantId}/${data.task_id}`, { windows, atMs: timeMs, notAfterMs });
    this.counters.add('remediation in a window');
    const open = isOpen(windows, timeMs) || isOpen(windows, timeMs - slackMs);
    insist(open, 'change windows', () => `${data.task_id} ${shut(windows, timeMs)}`);
    // It may begin for as long as the opening lasts: windows open and shut with a minute.
    for (let atMs = Math.ceil(timeMs / minuteMs) * minuteMs; atMs < notAfterMs; atMs += minuteMs)
      insist(
        isOpen(windows, atMs),
        'change windows',
        () => `${data.task_id} may begin ${shut(windows, atMs)}`,
      );
  }

  leased({ tenantId, data, timeMs }: Of<'task.leased'>): void {
    const asked = this.asked.get(`${tenantId}/${data.task_id}`);
    // By a clock that is behind the other owner's: the request, judged by its own, stands for it.
    if (!asked || timeMs < asked.atMs) return;
    const { windows } = asked;
    this.counters.add('apply in a window');
    const text = () => `the lease of ${data.task_id} ${shut(windows, timeMs)}`;
    insist(isOpen(windows, timeMs), 'change windows', text);
  }

  /** On a machine, by true time: never behind the opening in which it was asked for. */
  started(tenantId: string, taskId: string, atMs: number): void {
    const asked = this.asked.get(`${tenantId}/${taskId}`);
    if (!asked) return;
    const { windows } = asked;
    const open = isOpen(windows, atMs) || isOpen(windows, atMs - 1) || isOpen(windows, atMs + this.skewMs);
    insist(open, 'change windows', () => `${taskId} starts, and ${shut(windows, atMs)}`);
  }

  /** `isCurrent`: of the generation that the state is at. */
  failed({ tenantId, data }: Of<'remediation.failed'>, isCurrent: boolean): void {
    const asked = this.asked.get(`${tenantId}/${data.task_id}`);
    if (!asked || data.end !== 'expired' || !isCurrent || isOpen(asked.windows, asked.notAfterMs)) return;
    const isRight = isWindowReason(data.reason) && !data.counted;
    insist(isRight, 'change windows', () => `${data.task_id}, shut out, failed by ${data.reason}`);
  }
}

/**
 * The context as hosts run it: when nothing is left to decide, windows hold only what they are shut for, and what they
 * hold no longer waits for nothing but its state's budgets.
 */
export function withWindows(context: StatesContext, policy: StatesPolicy, counters: Counters): StatesContext {
  return {
    ...context,
    plan: (state, nowMs, room) => {
      const events = context.plan(state, nowMs, room);
      if (events.length === 0 && room > 0) insistNoneForgotten(state, policy, nowMs, counters);
      return events;
    },
  };
}

function insistNoneForgotten(
  state: StatesState,
  policy: StatesPolicy,
  nowMs: number,
  counters: Counters,
): void {
  for (const tenant of state.tenants.values()) {
    for (const desired of tenant.states.values()) {
      if (!desired.spec.windows) continue;
      for (const target of desired.targets.values()) insistHeldRightly(target, policy, nowMs, counters);
    }
  }
}

function insistHeldRightly(target: Target, policy: StatesPolicy, nowMs: number, counters: Counters): void {
  const { state, agentId } = target;
  const windows = state.spec.windows ?? [];
  const what = `${state.tenant.id}/${state.id}/${agentId}`;
  const { bucket, reason } = place(target, nowMs, policy);
  if (isWindowReason(reason)) {
    counters.add('held by a window');
    insist(
      !isOpen(windows, nowMs),
      'change windows',
      () => `${what} is held by ${reason}, and they are open`,
    );
  }
  const isReady = bucket === 'remediate' || bucket === 'retry';
  insist(!isReady || state.ready.has(target), 'change windows', () => `${what} is forgotten, and may go on`);
}

function shut(windows: readonly ChangeWindow[], timeMs: number): string {
  return `at ${timeMs}, and shut are ${JSON.stringify(windows)}`;
}
