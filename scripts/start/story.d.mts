export interface StateEvent {
  readonly type: string;
  readonly time: string | number;
  readonly agent_id?: string | null;
  readonly reason?: string | null;
  readonly data?: Readonly<Record<string, unknown>>;
}
export interface News {
  readonly kind: 'declared' | 'drifted' | 'remediated' | 'verified' | 'failed' | 'given-up' | 'compliant';
  readonly at: number;
  readonly agentId?: string;
  readonly tookMs?: number;
}
export class Story {
  add(event: StateEvent): News | undefined;
}
