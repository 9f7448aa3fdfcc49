import {
  type Command,
  type CommandData,
  type Decided,
  type Fact,
  type JournalEventBody,
  type Origin,
  type ReasonCode,
  type StatesEventBody,
  type TaskKind,
  type TasksCommandBody,
  type TaskSpec,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, decided, rejected } from '@fluxforge/domain/kernel';
import { keyWindowMs, type KeyWindow } from './key-window.js';
import { type EndedTask, type Keyed, type Task } from './task.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
export type SubmitCommand = Command<Extract<TasksCommandBody, { type: 'task.submit' }>>;
export type RemediationRequest = Fact<Extract<StatesEventBody, { type: 'remediation.requested' }>>;

/** All that admission looks at. */
export interface Admission {
  /** Null: there is no such tenant. */
  readonly tenant: { readonly createdAtMs: number; readonly maxQueuedTasks: number } | null;
  readonly queuedTasks: number;
  readonly live: Task | undefined;
  readonly ended: EndedTask | undefined;
  readonly keys: KeyWindow;
  hasAgent(agentId: string): boolean;
}

/** What the rules fill in for a reconciliation task, which no submitter described. */
export interface RemediationDefaults {
  readonly killGraceMs: number;
  readonly outputLimitBytes: number;
}

/** A submission becomes a task in the queue, or a task that was rejected; a repetition becomes neither. */
export function decideSubmit(admission: Admission, command: SubmitCommand, nowMs: number): Answer {
  const repeated = decideRepeated(admission, command, nowMs);
  if (repeated) return repeated;
  const { task_id, spec, keyed } = command.data;
  const life = nextLife(admission, keyed, nowMs);
  return [
    admit(admission, command.tenantId, { task_id, life, kind: 'adhoc', spec, ...(keyed && { keyed }) }),
  ];
}

function decideRepeated(admission: Admission, command: SubmitCommand, nowMs: number): Answer | null {
  const { live, ended } = admission;
  const { task_id, keyed } = command.data;
  if (!keyed) return live || ended ? [accepted(command, task_id)] : null;
  // A task that has not ended holds its key, even beyond the window.
  if (live?.keyed) {
    return [sameBody(live.keyed, keyed) ? accepted(command, task_id) : reused(command)];
  }
  if (live) return [rejected(command, 'conflict', 'A task of this id exists without a key.', task_id)];
  switch (admission.keys.find(command.tenantId, keyed, nowMs)) {
    case 'same_body':
      return [accepted(command, task_id)];
    case 'other_body':
      return [reused(command)];
    case 'unknown':
      return null;
  }
}

function sameBody(a: Keyed, b: Keyed): boolean {
  return a.body_hash === b.body_hash;
}

function reused(command: SubmitCommand) {
  const text = 'The idempotency key was used for another submission.';
  return rejected(command, 'idempotency_key_reused', text, command.data.task_id);
}

/**
 * The life that opens now. Beyond the window nothing of a key is kept, so lives cannot be counted; they are
 * numbered by the tenant's age in windows instead, which rises with every reuse, for reuses lie more than a
 * window apart. What is left of an earlier life (a report from an agent's disk, say) then never fits.
 */
function nextLife(admission: Admission, keyed: Keyed | undefined, nowMs: number): number {
  if (!keyed) return 1;
  const ageMs = admission.tenant ? Math.max(0, nowMs - admission.tenant.createdAtMs) : 0;
  return Math.max((admission.ended?.life ?? 0) + 1, 1 + Math.floor(ageMs / keyWindowMs));
}

interface Candidate {
  readonly task_id: string;
  readonly life: number;
  readonly kind: TaskKind;
  readonly spec: TaskSpec;
  readonly origin?: Origin;
  readonly exclusive?: boolean;
  readonly keyed?: CommandData<'task.submit'>['keyed'];
}

const refusals = {
  unknown_tenant: 'There is no such tenant.',
  quota_queued_tasks: 'The tenant has as many queued tasks as it may have.',
  unknown_agent: 'There is no such agent.',
} as const satisfies Partial<Record<ReasonCode, string>>;

function admit(admission: Admission, tenantId: string, candidate: Candidate) {
  const reason = refusal(admission, candidate.spec);
  if (!reason) return decided('task.queued', tenantId, candidate.task_id, candidate);
  const { spec: _, ...rest } = candidate;
  return decided('task.rejected', tenantId, candidate.task_id, {
    ...rest,
    reason,
    message: refusals[reason],
  });
}

function refusal(admission: Admission, spec: TaskSpec): keyof typeof refusals | null {
  if (!admission.tenant) return 'unknown_tenant';
  if (spec.agent_id !== undefined && !admission.hasAgent(spec.agent_id)) return 'unknown_agent';
  if (admission.queuedTasks >= admission.tenant.maxQueuedTasks) return 'quota_queued_tasks';
  return null;
}

/**
 * A request for a remediation always gets an answer: queued, or rejected. Its id is derived from what it is
 * for, so one that is known was answered already.
 */
export function decideRemediation(
  admission: Admission,
  request: RemediationRequest,
  defaults: RemediationDefaults,
): Answer {
  if (admission.live || admission.ended) return [];
  const { data } = request;
  const spec: TaskSpec = {
    labels: {},
    executor: 'shell',
    command: data.command,
    ...(data.env && { env: data.env }),
    ...(data.cwd !== undefined && { cwd: data.cwd }),
    ...(data.run_as !== undefined && { run_as: data.run_as }),
    agent_id: data.agent_id,
    selector: [],
    priority: data.priority,
    not_after_ms: data.not_after_ms,
    // `not_after` bounds it already; a second clock could only end it with a vaguer reason.
    delivery_timeout_ms: 0,
    execution_timeout_ms: data.execution_timeout_ms,
    kill_grace_ms: defaults.killGraceMs,
    // Attempts are the reconciler's: after each it checks first.
    max_attempts: 1,
    backoff: { base_ms: 0, max_ms: 0 },
    output_limit_bytes: defaults.outputLimitBytes,
  };
  const origin = {
    state_id: data.state_id,
    agent_id: data.agent_id,
    generation: data.generation,
    attempt: data.attempt,
  };
  return [
    admit(admission, request.tenantId, {
      task_id: data.task_id,
      life: 1,
      kind: 'reconciliation',
      spec,
      origin,
      ...(data.exclusive === false && { exclusive: false }),
    }),
  ];
}
