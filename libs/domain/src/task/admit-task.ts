import {
  type Batch,
  type CommandData,
  type Decided,
  type Limits,
  type Mode,
  type Concurrency,
  type Origin,
  type ReasonCode,
  type TaskKind,
  type TaskSpec,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { decided } from '@fluxforge/domain/kernel';
import { heldScopeTexts, modeRefusal, modeRefusalTexts, type HeldScope } from '@fluxforge/domain/modes';
import {
  admitsSubmission,
  neverFits,
  submissionRateText,
  type SubmissionBucket,
} from '@fluxforge/domain/quotas';
import { cancelTask } from './cancel-task.js';
import { specBytes } from './shared-specs.js';
import { type Task } from './task.js';

/** What a tenant's own account says at admission. */
export interface TenantAdmission {
  readonly createdAtMs: number;
  readonly limits: Limits;
  /** The strictest of the tenant's and the partition's. */
  readonly mode: Mode;
  /** Whose that is. */
  modeScope(): HeldScope;
  readonly queuedTasks: number;
  readonly queuedBytes: number;
  readonly maxQueuedBytes: number;
  readonly submissions: SubmissionBucket | null;
  hasAgent(agentId: string): boolean;
  /** As many tasks live under the key of one that would rather be dropped. */
  dropsNew(concurrency: Concurrency): boolean;
  /** Those that a task of this key cancels by being let in: as many as go into one decision. */
  superseded(concurrency: Concurrency): readonly Task[];
}

export interface Candidate {
  readonly task_id: string;
  readonly life: number;
  readonly kind: TaskKind;
  readonly spec: TaskSpec;
  readonly origin?: Origin;
  readonly batch?: Batch;
  readonly exclusive?: boolean;
  readonly keyed?: CommandData<'task.submit'>['keyed'];
  readonly traceparent?: string;
}

const refusals = {
  unknown_tenant: 'There is no such tenant.',
  unknown_agent: 'There is no such agent.',
  ...modeRefusalTexts,
  quota_submission_rate: submissionRateText,
  quota_output_bytes: 'The task may print more than the tenant may in an hour.',
  concurrency_dropped: 'As many tasks of this key are there as may be.',
  quota_queued_tasks: 'The tenant has as many queued tasks as it may have.',
  quota_queued_bytes: 'The queued tasks of the tenant would take more bytes than they may.',
} as const satisfies Partial<Record<ReasonCode, string>>;

/**
 * A new task is queued, with what its key cancels, or rejected with a reason. Every task passes here, whoever
 * makes it: a submission, a remediation, a schedule or a fan-out.
 */
export function admitTask(
  tenant: TenantAdmission | null,
  tenantId: string,
  candidate: Candidate,
  nowMs: number,
): Decided<TasksEventBody>[] {
  const reason = refusal(tenant, candidate, nowMs);
  const { spec, exclusive: _, traceparent: _t, ...rest } = candidate;
  if (reason) {
    const because = tenant && reason in modeRefusalTexts ? ` ${heldScopeTexts[tenant.modeScope()]}` : '';
    const data = { ...rest, reason, message: `${refusals[reason]}${because}` };
    return [decided('task.rejected', tenantId, candidate.task_id, data)];
  }
  const superseded = (spec.concurrency && tenant?.superseded(spec.concurrency)) ?? [];
  return [
    decided('task.queued', tenantId, candidate.task_id, candidate),
    ...superseded.map((task) => cancelTask(task, 'concurrency_superseded', null)),
  ];
}

function refusal(
  tenant: TenantAdmission | null,
  { kind, spec }: Candidate,
  nowMs: number,
): keyof typeof refusals | null {
  if (!tenant) return 'unknown_tenant';
  const { limits } = tenant;
  if (spec.agent_id !== undefined && !tenant.hasAgent(spec.agent_id)) return 'unknown_agent';
  const byMode = modeRefusal(tenant.mode, kind, spec.priority);
  if (byMode) return byMode;
  if (countsAsSubmission(kind) && !admitsSubmission(tenant.submissions, limits, nowMs)) {
    return 'quota_submission_rate';
  }
  if (neverFits(limits, spec)) return 'quota_output_bytes';
  if (spec.concurrency && tenant.dropsNew(spec.concurrency)) return 'concurrency_dropped';
  if (tenant.queuedTasks >= limits.max_queued_tasks) return 'quota_queued_tasks';
  if (tenant.queuedBytes + specBytes(spec) > tenant.maxQueuedBytes) return 'quota_queued_bytes';
  return null;
}

/**
 * What the scheduler makes by itself (remediations, firings, members of a fan-out) is paced by what made it
 * and is no submission: rejecting it would only turn one admitted request into many failures.
 */
export function countsAsSubmission(kind: TaskKind): boolean {
  return kind === 'adhoc';
}
