import { Type, type Static } from '@sinclair/typebox';
import { Mode, ReasonCode, Role } from './closed-lists.js';
import * as p from './primitives.js';
import { Limits } from './tasks-commands.js';

const closed = { additionalProperties: false };
/** Of the event it comes from, in its events partition; an entry of a lower one is ignored. */
const from = { partition: p.Count, offset: p.Count };

/**
 * `directory`: what every API server must know to work while everything else is away. Keys:
 * `tenant:ID`, `key:HASH`, `owner:CONTEXT:PARTITION`, `mode:PARTITION`.
 */
export const DirectoryEntry = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('tenant'),
      tenant_id: p.Id,
      name: p.Name,
      limits: Limits,
      /** The tenant's own; absent: normal. */
      mode: Type.Optional(Mode),
      /** What the depth of its own queue called for; absent: normal. */
      overload: Type.Optional(Type.Object({ mode: Mode, reason: ReasonCode }, closed)),
      ...from,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('key'),
      tenant_id: p.Id,
      key_id: p.Id,
      key_hash: p.Hash,
      role: Role,
      revoked: Type.Boolean(),
      ...from,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('owner'),
      context: Type.Union([Type.Literal('tasks'), Type.Literal('states')]),
      address: Type.String({ maxLength: 256 }),
      generation: p.Count,
      /** Where it answers questions of API servers. */
      questions: Type.Optional(Type.String({ maxLength: 256 })),
      ...from,
    },
    closed,
  ),
  /** The mode of one partition, whoever called for it. */
  Type.Object({ kind: Type.Literal('mode'), mode: Mode, reason: ReasonCode, ...from }, closed),
]);
export type DirectoryEntry = Static<typeof DirectoryEntry>;

export function directoryKey(entry: DirectoryEntry): string {
  switch (entry.kind) {
    case 'tenant':
      return `tenant:${entry.tenant_id}`;
    case 'key':
      return `key:${entry.key_hash}`;
    case 'owner':
      return `owner:${entry.context}:${entry.partition}`;
    case 'mode':
      return `mode:${entry.partition}`;
  }
}
