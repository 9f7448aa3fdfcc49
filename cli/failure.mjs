/** Something that the user can read and act on; told without a stack, and the exit code is 1. */
export class Failure extends Error {}

/** The same, of what was asked and not of how it went: the exit code is 2, and nothing was sent. */
export class WrongUsage extends Failure {}
