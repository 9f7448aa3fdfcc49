import { type PageRequest } from '../queries/common.js';

/** A piece of what a run printed. Telemetry: stands outside the promise of equality with the log. */
export interface OutputRow {
  readonly task_id: string;
  readonly life: number;
  readonly attempt: number;
  readonly stream: 'stdout' | 'stderr';
  /** Dense from 0 within attempt and stream: a jump is a loss. */
  readonly seq: number;
  readonly data: Buffer;
  /** Bytes known to be missing before this piece. */
  readonly gap_bytes: number;
  readonly eof: { readonly total_bytes: number; readonly sha256: string; readonly truncated: boolean } | null;
}

export interface OutputRequest extends PageRequest {
  /** The latest life and attempt that printed something, unless named. */
  readonly life?: number;
  readonly attempt?: number;
  /** One stream in the order of its `seq`; without it both, as they arrived. */
  readonly stream?: 'stdout' | 'stderr';
}
