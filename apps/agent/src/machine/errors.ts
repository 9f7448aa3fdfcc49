export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** By shape, not by class: errors of the file system may come from another realm. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return codes.includes(String(error.code));
}
