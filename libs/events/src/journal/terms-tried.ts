import { type EpochTerm, type Position } from './position.js';

/** The terms of one owner. None is tried twice: a claim whose outcome is unknown may still land. */
export class TermsTried {
  private highest: EpochTerm = { epoch: 0, term: 0 };
  private landed: EpochTerm = { epoch: 0, term: 0 };

  /** Of the last claim that is in the log, whether it counts or not. */
  get claimed(): EpochTerm {
    return this.landed;
  }

  /** Higher than every one that was read or tried. */
  next(epoch: number, at: Position): EpochTerm {
    const seen = at.epoch === epoch ? at.term : 0;
    const tried = this.highest.epoch === epoch ? this.highest.term : 0;
    this.highest = { epoch, term: Math.max(seen, tried) + 1 };
    return this.highest;
  }

  land(terms: EpochTerm): void {
    this.landed = terms;
  }
}
