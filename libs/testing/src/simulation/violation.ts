/** A promise was broken. Ends the seed. */
export class Violation extends Error {
  constructor(
    readonly promise: string,
    detail: string,
  ) {
    super(`${promise}: ${detail}`);
    this.name = 'Violation';
  }
}

export function insist(holds: boolean, promise: string, detail: () => string): asserts holds {
  if (!holds) throw new Violation(promise, detail());
}
