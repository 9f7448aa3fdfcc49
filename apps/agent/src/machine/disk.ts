import { statfs } from 'node:fs/promises';

/** Whether the data directory's disk still has room. Looked at now and then, asked on every lease. */
export class DiskWatch {
  private enough = true;

  constructor(
    private readonly folder: string,
    private readonly minFreeBytes: number,
  ) {}

  async look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.folder);
      this.enough = bavail * bsize >= this.minFreeBytes;
    } catch {
      // The folder itself is gone or unreadable: no place to promise anything.
      this.enough = false;
    }
  }

  hasRoom(): boolean {
    return this.enough;
  }
}
