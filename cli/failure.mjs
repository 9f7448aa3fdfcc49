/** Something that the user can read and act on; told without a stack, and the exit code is 1. */
export class Failure extends Error {}
