/**
 * Header names of FluxForge records: CloudEvents 1.0, Kafka binding, binary mode, with the journal's own
 * beside them. All values are UTF-8 text. Frozen: names are only added.
 */
export const header = {
  specVersion: 'ce_specversion',
  id: 'ce_id',
  source: 'ce_source',
  type: 'ce_type',
  time: 'ce_time',
  subject: 'ce_subject',
  contentType: 'content-type',
  tenant: 'ce_tenantid',
  actor: 'ce_actor',
  reason: 'ce_reason',
  causation: 'ce_causationid',
  correlation: 'ce_correlationid',
  command: 'ce_commandid',
  traceparent: 'ce_traceparent',
  /** Names the key that values of this record are encrypted with; none is, yet. */
  keyId: 'ce_keyid',
  /** `EPOCH.TERM` of the owner that wrote the record. */
  term: 'ff_term',
  /** The owner's id: random, fresh at each process start. */
  owner: 'ff_owner',
  /** 1, 2, 3... within the term; a claim has none. */
  seq: 'ff_seq',
  /** Hash of the accepted record before this one; a claim names none. */
  previous: 'ff_prev',
  /** Next offset of the context's commands partition, everything below it being covered. */
  coversCommands: 'ff_commands',
  /** Position in the other context's events partition, everything before it being covered. */
  coversForeign: 'ff_foreign',
} as const;

/** What the hash chain covers, in this order. A header that is not here can be changed unnoticed. */
export const hashedHeaders: readonly string[] = [
  header.id,
  header.source,
  header.type,
  header.time,
  header.subject,
  header.tenant,
  header.actor,
  header.reason,
  header.causation,
  header.correlation,
  header.command,
  header.keyId,
  header.term,
  header.owner,
  header.seq,
  header.previous,
  header.coversCommands,
  header.coversForeign,
];
