import { type SetMode } from '@fluxforge/domain/modes';
import { type Limits, type Mode, type ReasonCode, type Role } from '@fluxforge/events/catalogue';

interface OfLease {
  readonly tenantId: string;
  readonly agentId: string;
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
}

/** What goes out, by id: the shell reads the rest (`leaseView`) when it sends. */
export type TasksEffect =
  /**
   * Not to be sent after `pushBeforeMs`: the owner counts the lease from its decision, and a later push
   * would let the agent run beyond what the owner waits for.
   */
  | (OfLease & { readonly kind: 'push-lease'; readonly pushBeforeMs: number })
  | (OfLease & { readonly kind: 'push-cancel' })
  | (OfLease & { readonly kind: 'drop-lease' })
  | { readonly kind: 'ask-heartbeat'; readonly tenantId: string; readonly agentId: string }
  /** The agent was removed: its stream ends, and its credential is good for nothing. */
  | { readonly kind: 'close-agent'; readonly tenantId: string; readonly agentId: string }
  | {
      readonly kind: 'directory-tenant';
      readonly tenantId: string;
      readonly name: string;
      readonly limits: Limits;
      readonly mode: Mode;
      readonly overload: SetMode;
    }
  /** The mode of this partition, whoever called for it. */
  | { readonly kind: 'directory-mode'; readonly mode: Mode; readonly reason: ReasonCode }
  | {
      readonly kind: 'directory-key';
      readonly tenantId: string;
      readonly keyId: string;
      readonly keyHash: string;
      readonly role: Role;
      readonly revoked: boolean;
    };
