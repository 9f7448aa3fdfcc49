import { type EventData, type Executor, type Labels, type Resources } from '@fluxforge/events/catalogue';

export interface LeaseRef {
  readonly taskId: string;
  readonly life: number;
  readonly attempt: number;
}

/** `finished`: ended on the agent, its report follows and was not acknowledged yet. */
export type HeldLease = LeaseRef & { readonly finished: boolean };

/** What an agent says of one run, in the fields of the catalogue. */
export type RunReport = Omit<
  EventData<'task.report-ignored'>,
  'task_id' | 'life' | 'attempt' | 'agent_id' | 'current_attempt'
>;

interface From {
  readonly tenantId: string;
  readonly agentId: string;
}

interface OfSession extends From {
  /** Of the stream, chosen by the shell; what comes late from an earlier stream is told apart by it. */
  readonly sessionId: string;
}

/** What the shell hears on the control streams, already authenticated. */
export type AgentMessage =
  | (OfSession & {
      readonly kind: 'connected';
      readonly labels: Labels;
      readonly slots: number;
      /** What the machine has; absent: it does not say. */
      readonly capacity?: Resources;
      readonly executors: readonly Executor[];
      readonly agentVersion: string;
      readonly inventory: readonly HeldLease[];
    })
  | (OfSession & { readonly kind: 'disconnected' })
  | (OfSession & {
      readonly kind: 'heartbeat';
      /** By the owner's clock, when the answer came in. */
      readonly answeredAtMs: number;
      readonly freeSlots: number;
      /** Leases accepted or running: those that the grant of this exchange extends. */
      readonly running: readonly LeaseRef[];
      readonly stopping?: boolean;
    })
  | (From & LeaseRef & { readonly kind: 'started'; readonly startedAtMs: number })
  /** Also the refusal of a lease: its outcome is `refused`. */
  | (From & LeaseRef & { readonly kind: 'result'; readonly run: RunReport })
  /** The answer to a cancel of something the agent does not hold. */
  | (From & LeaseRef & { readonly kind: 'not-held' });

export type ConnectedMessage = Extract<AgentMessage, { kind: 'connected' }>;
export type HeartbeatMessage = Extract<AgentMessage, { kind: 'heartbeat' }>;
