import { type AgentMessage, type HeldLease, type LeaseRef, type RunReport } from '@fluxforge/domain/agent';
import {
  type CheckRequest,
  type CheckResult,
  type Executor,
  type Labels,
  type Resources,
  type TaskSpec,
} from '@fluxforge/events/catalogue';

/** The control stream of design section 6, as plain data. */
export interface Terms {
  readonly epoch: number;
  readonly term: number;
}

export interface LeaseOrder extends LeaseRef {
  readonly spec: TaskSpec;
  readonly leaseMs: number;
}

export type Order =
  | { readonly kind: 'lease'; readonly lease: LeaseOrder }
  | { readonly kind: 'cancel'; readonly key: LeaseRef }
  | { readonly kind: 'drop'; readonly key: LeaseRef }
  | { readonly kind: 'heartbeat'; readonly nonce: number }
  | { readonly kind: 'grant'; readonly nonce: number; readonly leaseMs: number }
  | { readonly kind: 'ack'; readonly reportId: string }
  | { readonly kind: 'check'; readonly checks: CheckRequest['checks'] };

export type Down =
  | { readonly kind: 'welcome'; readonly terms: Terms }
  | { readonly kind: 'orders'; readonly terms: Terms; readonly orders: readonly Order[] }
  | { readonly kind: 'moved'; readonly to: string }
  | { readonly kind: 'refused' };

export interface Hello {
  readonly tenantId: string;
  readonly agentId: string;
  readonly labels: Labels;
  readonly slots: number;
  readonly capacity: Resources | null;
  readonly executors: readonly Executor[];
}

export type Up =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'inventory'; readonly terms: Terms; readonly held: readonly HeldLease[] }
  | {
      readonly kind: 'heartbeat';
      readonly nonce: number;
      readonly freeSlots: number;
      readonly running: readonly LeaseRef[];
      readonly stopping: boolean;
    }
  | { readonly kind: 'started'; readonly key: LeaseRef; readonly startedAtMs: number }
  | { readonly kind: 'result'; readonly key: LeaseRef; readonly reportId: string; readonly run: RunReport }
  | { readonly kind: 'not-held'; readonly key: LeaseRef }
  | { readonly kind: 'checked'; readonly results: readonly CheckResult[] }
  | { readonly kind: 'closed' };

export function keyText({ taskId, life, attempt }: LeaseRef): string {
  return `${taskId}/${life}/${attempt}`;
}

export function refOf({ taskId, life, attempt }: LeaseRef): LeaseRef {
  return { taskId, life, attempt };
}

export type { AgentMessage };
