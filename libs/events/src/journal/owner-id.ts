/** Long enough that no two incarnations ever draw the same; well within what a claim's owner may be. */
const ownerIdBytes = 12;

/**
 * The id of one incarnation of a process, to be made anew at every start and kept by nobody: two
 * incarnations that shared one could not tell each other's records in the log apart.
 */
export function newOwnerId(randomBytes: (count: number) => Uint8Array): string {
  return Buffer.from(randomBytes(ownerIdBytes)).toString('base64url');
}
