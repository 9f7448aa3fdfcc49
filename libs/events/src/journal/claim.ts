import { type ContextName } from '@fluxforge/events/catalogue';
import { encodeEvent, header, systemTenant } from '@fluxforge/events/envelope';
import { type LogRecord } from '@fluxforge/events/log';
import { formatTerm, type EpochTerm, type Position } from './position.js';

export interface Claimant {
  readonly context: ContextName;
  readonly partition: number;
  readonly ownerId: string;
  readonly address: string;
  readonly generation: number;
  /** Only in a repair: the last good position, from which halted readers go on. */
  readonly repairFrom?: Position;
}

/** The claim of this term. It names no predecessor: the claimant cannot know what will land before it. */
export function claimRecord(claimant: Claimant, terms: EpochTerm, nowMs: number): LogRecord {
  const { context, partition, ownerId, address, generation, repairFrom } = claimant;
  const id = `${context}-${partition}-${formatTerm(terms)}-${ownerId}`;
  const record = encodeEvent(
    {
      type: 'journal.claimed',
      tenantId: systemTenant,
      subject: ownerId,
      data: { address, generation, ...(repairFrom ? { repair_from: repairFrom } : {}) },
    },
    {
      context,
      id,
      timeMs: nowMs,
      provenance: {
        actor: repairFrom ? 'operator' : `system:${context}`,
        reason: repairFrom ? 'journal repair' : null,
        causationId: id,
        correlationId: id,
        traceparent: null,
      },
      commandId: null,
    },
  );
  return {
    ...record,
    headers: { ...record.headers, [header.term]: formatTerm(terms), [header.owner]: ownerId },
  };
}
