import {
  type Command,
  type Decided,
  type Fact,
  type JournalEventBody,
  type StatesEventBody,
  type TasksCommandBody,
  type TaskSpec,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { accepted, rejected } from '@fluxforge/domain/kernel';
import { largestOutputLimit } from '@fluxforge/domain/quotas';
import { admitTask, type TenantAdmission } from './admit-task.js';
import { keyWindowMs, type KeyWindow } from './key-window.js';
import { type EndedTask, type Keyed, type Task } from './task.js';

type Answer = Decided<TasksEventBody | JournalEventBody>[];
export type SubmitCommand = Command<Extract<TasksCommandBody, { type: 'task.submit' }>>;
export type RemediationRequest = Fact<Extract<StatesEventBody, { type: 'remediation.requested' }>>;

/** All that admission looks at. */
export interface Admission {
  /** Null: there is no such tenant. */
  readonly tenant: TenantAdmission | null;
  readonly live: Task | undefined;
  readonly ended: EndedTask | undefined;
  readonly keys: KeyWindow;
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
  const { traceparent } = command.provenance;
  const said = { ...(keyed && { keyed }), ...(traceparent !== null && { traceparent }) };
  const candidate = { task_id, life, kind: 'adhoc', spec, ...said } as const;
  return admitTask(admission.tenant, command.tenantId, candidate, nowMs);
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

/**
 * A request for a remediation always gets an answer: queued, or rejected. Its id is derived from what it is
 * for, so one that is known was answered already.
 */
export function decideRemediation(
  admission: Admission,
  request: RemediationRequest,
  defaults: RemediationDefaults,
  nowMs: number,
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
    output_limit_bytes: Math.min(defaults.outputLimitBytes, largestOutputLimit(admission.tenant?.limits)),
  };
  const origin = {
    state_id: data.state_id,
    agent_id: data.agent_id,
    generation: data.generation,
    attempt: data.attempt,
  };
  const candidate = {
    task_id: data.task_id,
    life: 1,
    kind: 'reconciliation',
    spec,
    origin,
    ...(data.exclusive === false && { exclusive: false }),
  } as const;
  return admitTask(admission.tenant, request.tenantId, candidate, nowMs);
}
