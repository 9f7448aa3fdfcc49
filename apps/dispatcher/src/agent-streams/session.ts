import { type ServerDuplexStream } from '@grpc/grpc-js';
import {
  type AgentFrame,
  type ControlFrame,
  controlFrame,
  type ControlMessageBody,
  FRAME_MESSAGES_LIMIT,
  type Hello,
  ordersFrame,
  type Refused,
} from '@fluxforge/agent-protocol';

export type AgentCall = ServerDuplexStream<AgentFrame, ControlFrame>;

/** More than this unsent on one stream: the agent does not read, and is cut off rather than buffered for. */
const maxUnsentBytes = 8 * 1024 * 1024;

/**
 * One control stream of one agent.
 *
 *   holding  the partition is placed here but not led yet: nothing is said to the agent.
 *   greeted  the owner has said its term; the agent's inventory is awaited.
 *   live     the inventory is taken in: orders go down, reports come up.
 *   closed   for good; the agent dials again.
 * A new claim of this owner takes a live or greeted one back to greeted.
 */
export class AgentSession {
  phase: 'holding' | 'greeted' | 'live' | 'closed' = 'holding';
  terms: { readonly epoch: number; readonly term: number } = { epoch: 0, term: 0 };
  private nonce = 0;
  private unsent: ControlMessageBody[] = [];

  constructor(
    readonly id: string,
    readonly partition: number,
    readonly hello: Hello,
    private readonly call: AgentCall,
  ) {}

  get key(): string {
    return agentKey(this.hello.tenantId, this.hello.agentId);
  }

  nextNonce(): number {
    this.nonce += 1;
    return this.nonce;
  }

  get lastNonce(): number {
    return this.nonce;
  }

  greet(terms: { epoch: number; term: number }, pace: { leaseMs: number; heartbeatMs: number }): void {
    this.terms = terms;
    this.phase = 'greeted';
    this.unsent = [];
    this.write(
      controlFrame({
        $case: 'welcome',
        welcome: {
          partition: this.partition,
          ...terms,
          leaseDurationMs: pace.leaseMs,
          heartbeatIntervalMs: pace.heartbeatMs,
        },
      }),
    );
  }

  /** Gathers an order; `flush` sends what has gathered, many to a frame. */
  order(body: ControlMessageBody): void {
    if (this.phase === 'live') this.unsent.push(body);
  }

  flush(): void {
    while (this.unsent.length > 0 && this.phase === 'live') {
      this.write(ordersFrame(this.terms, this.unsent.splice(0, FRAME_MESSAGES_LIMIT)));
    }
  }

  /** What has gathered may not be sent after all: the owner is not fresh. */
  forget(): void {
    this.unsent = [];
  }

  move(address: string, groupGeneration: number): void {
    this.finish({ $case: 'moved', moved: { address, groupGeneration } });
  }

  refuse(refused: Refused): void {
    this.finish({ $case: 'refused', refused });
  }

  close(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.unsent = [];
    this.call.end();
  }

  private finish(body: NonNullable<ControlFrame['body']>): void {
    if (this.phase === 'closed') return;
    this.call.write(controlFrame(body));
    this.close();
  }

  private write(frame: ControlFrame): void {
    if (this.phase === 'closed') return;
    this.call.write(frame);
    if (this.call.writableLength > maxUnsentBytes)
      this.call.destroy(new Error('the agent does not read its stream'));
  }
}

export function agentKey(tenantId: string, agentId: string): string {
  return `${tenantId}/${agentId}`;
}
