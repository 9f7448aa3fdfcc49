import { Type } from '@sinclair/typebox';
import { RefusalCode } from './closed-lists.js';
import * as p from './primitives.js';

const closed = { additionalProperties: false };

/** Where the reader of an events partition stands; see the journal. */
export const PositionShape = Type.Object(
  {
    next: Type.Integer({ minimum: 0 }),
    epoch: Type.Integer({ minimum: 0 }),
    term: Type.Integer({ minimum: 0 }),
    owner: Type.String({ maxLength: 64 }),
    seq: Type.Integer({ minimum: 0 }),
    hash: Type.String({ maxLength: 64 }),
  },
  closed,
);

/** Events that either context writes for its own housekeeping. */
export const journalEvents = {
  'journal.claimed': Type.Object(
    {
      address: Type.String({ maxLength: 256 }),
      generation: Type.Integer({ minimum: 0 }),
      /** Only from `journal repair`: the last good position, from which readers go on. */
      repair_from: Type.Optional(PositionShape),
    },
    closed,
  ),
  /** Inputs advanced without an event; the record's covered positions are its message. */
  'journal.progress': Type.Object({}, closed),
  /** The answer to a command that changed nothing, because things were so already. */
  'command.accepted': Type.Object({ command_id: p.Id, resource_id: Type.Optional(p.Id) }, closed),
  'command.rejected': Type.Object(
    { command_id: p.Id, code: RefusalCode, message: p.Text, resource_id: Type.Optional(p.Id) },
    closed,
  ),
} as const;
