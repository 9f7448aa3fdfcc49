import { type Journal } from './journal/index.js';

export interface Term {
  epoch: number;
  term: number;
}

/** The highest term ever seen. On disk before it is acted on, so that a restart forgets no owner. */
export class Terms {
  constructor(private readonly journal: Journal) {}

  get highest(): Term {
    const { epoch, term } = this.journal.state;
    return { epoch, term };
  }

  async adopt({ epoch, term }: Term): Promise<boolean> {
    const order = compare({ epoch, term }, this.highest);
    if (order < 0) return false;
    if (order > 0) {
      this.journal.append({ t: 'term', epoch, term });
      await this.journal.commit();
    }
    return true;
  }

  /** A higher one has not been greeted with, and so is as little to be trusted as a lower one. */
  isCurrent(given: Term): boolean {
    return compare(given, this.highest) === 0;
  }
}

function compare(left: Term, right: Term): number {
  return left.epoch - right.epoch || left.term - right.term;
}
