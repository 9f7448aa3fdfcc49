/** The time, as a thing that can be given: the API reads no clock of its own below its composition root. */
export class Clock {
  constructor(readonly nowMs: () => number) {}
}
