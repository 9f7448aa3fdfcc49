import { Type, type Static, type TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type ContextName } from '@fluxforge/events/catalogue';

/**
 * What the owner of a partition mirrors into the cache, for API servers to refuse early by. Open to more fields, since
 * servers of two versions read one cache; whatever does not fit is as good as absent.
 */
const Count = Type.Integer({ minimum: 0 });

const depth = {
  /** Without a lease, whatever they wait for. */
  queued: Count,
  /** Of these, what could start now if an agent fits. */
  ready: Count,
  running: Count,
  /** What the specs of the queued ones take. */
  queued_bytes: Type.Optional(Count),
};

/** How much there is of one tenant's queue. */
const HotDepth = Type.Object(depth);
export type HotDepth = Static<typeof HotDepth>;

/** One tenant's queue, by committed events. */
const HotQueue = Type.Object({
  ...depth,
  /** Queued tasks of each priority, 0 to 9. Of a very long queue, as of its last count. */
  by_priority: Type.Array(Count, { minItems: 10, maxItems: 10 }),
  oldest_wait_ms: Count,
  as_of: Type.String({ maxLength: 64 }),
});
export type HotQueue = Static<typeof HotQueue>;

/** How far the owner of a partition has come. It is alive while this is young. */
const PartitionPulse = Type.Object({
  /** Commands below this offset are decided. */
  covered: Count,
  /** Commands that it knows of and has not taken in. */
  lag: Count,
});
export type PartitionPulse = Static<typeof PartitionPulse>;

export function queueName(tenantId: string): string {
  return `queue:${tenantId}`;
}

/** Of the tasks context by its number alone: so servers of an earlier version know it. */
export function partitionName(partition: number, context: ContextName = 'tasks'): string {
  return context === 'tasks' ? `partition:${partition}` : `partition:${context}:${partition}`;
}

export function parseQueue(text: string): HotQueue | null {
  return parsed(HotQueue, text);
}

export function parseDepth(text: string): HotDepth | null {
  return parsed(HotDepth, text);
}

export function parsePulse(text: string): PartitionPulse | null {
  return parsed(PartitionPulse, text);
}

function parsed<T extends TSchema>(schema: T, text: string): Static<T> | null {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(schema, value) ? value : null;
  } catch {
    return null;
  }
}
