export interface ClusterMetadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
}
export function metadataRequest(correlationId: number): Buffer;
/** Undefined while the answer is incomplete. */
export function parseMetadata(buffer: Buffer): ClusterMetadata | undefined;
export function askMetadata(
  host: string,
  port: number,
  deadlineMs?: number,
): Promise<ClusterMetadata | undefined>;
export function brokerIsReady(host: string, port: number, deadlineMs?: number): Promise<boolean>;
