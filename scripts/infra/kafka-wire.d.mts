export interface ClusterMetadata {
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
  readonly controllerId: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly id: number; readonly leader: number }[];
  }[];
}
export function metadataRequest(correlationId: number, options?: { allTopics?: boolean }): Buffer;
/** Undefined while the answer is incomplete. */
export function parseMetadata(buffer: Buffer): ClusterMetadata | undefined;
export function askMetadata(
  host: string,
  port: number,
  deadlineMs?: number,
  options?: { allTopics?: boolean },
): Promise<ClusterMetadata | undefined>;
export function brokerIsReady(host: string, port: number, deadlineMs?: number): Promise<boolean>;
export function topicsAreLed(
  brokers: string,
  names: readonly string[],
  deadlineMs?: number,
): Promise<boolean>;
