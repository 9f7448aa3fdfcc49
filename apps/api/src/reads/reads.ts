import { BadCursor, ReadModelsUnavailable, type ReadModels, type WriteToken } from '@fluxforge/read-models';
import { type Caller } from '../directory/index.js';
import { ProblemError } from '../http/index.js';
import { parseToken } from '../positions/index.js';
import { defaultWaitMs, type PositionQuery } from './read-query.js';

const hintPauseMs = 2_000;

/** Every question to the read models goes through here: when it may be asked, and what its failures mean. */
export class Reads {
  private awayUntilMs = 0;

  constructor(
    private readonly models: ReadModels,
    private readonly nowMs: () => number,
  ) {}

  /**
   * Waits until the read models show what the caller has written, then asks.
   * @throws ProblemError
   */
  async ask<T>(
    caller: Caller,
    position: PositionQuery,
    question: (models: ReadModels, tenantId: string) => Promise<T>,
  ): Promise<T> {
    const token = tokenOf(caller, position);
    return this.guarded(async () => {
      if (token && !(await this.models.waitCovered(token, waitMs(position)))) {
        throw new ProblemError('not_yet_visible', 'What min_position names is not in the read model yet.');
      }
      return question(this.models, caller.tenantId);
    });
  }

  /**
   * As `ask`, when the answer would only be a convenience: null when the read models are away. They are
   * then left alone for a while, so that an outage of theirs does not slow down every write.
   */
  async hint<T>(question: (models: ReadModels) => Promise<T>): Promise<T | null> {
    if (this.nowMs() < this.awayUntilMs) return null;
    try {
      return await question(this.models);
    } catch (error: unknown) {
      if (!(error instanceof ReadModelsUnavailable)) throw error;
      this.awayUntilMs = this.nowMs() + hintPauseMs;
      return null;
    }
  }

  private async guarded<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error: unknown) {
      if (error instanceof ReadModelsUnavailable) {
        throw new ProblemError('reads_unavailable', 'Writes are still accepted.', {}, { cause: error });
      }
      if (error instanceof BadCursor) throw badParameter('cursor', 'is not one that this list gave');
      throw error;
    }
  }
}

export function waitMs(position: PositionQuery): number {
  return position.wait_ms === undefined ? defaultWaitMs : Number(position.wait_ms);
}

/** A token of another partition is no token of this tenant's: waiting for it would say nothing. */
export function tokenOf(caller: Caller, position: PositionQuery): WriteToken | null {
  if (position.min_position === undefined) return null;
  const token = parseToken(position.min_position);
  if (!token || token.partition !== caller.partition) {
    throw badParameter('min_position', 'is no token that a write was answered with');
  }
  return token;
}

function badParameter(field: string, message: string): ProblemError {
  return new ProblemError('invalid_parameter', `${field}: ${message}`, {
    errors: [{ field, code: 'bad_format', message }],
  });
}
