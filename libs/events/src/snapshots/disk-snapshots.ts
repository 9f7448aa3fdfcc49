import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  mostListed,
  type Listed,
  type Manifest,
  type SnapshotOf,
  type SnapshotStore,
} from './stored-snapshot.js';

const suffix = '.snapshot';
const temporary = '.tmp';
/** What a crash has left half written. */
const abandonedAfterMs = 3_600_000;
const digitsOfNext = 16;
/** The third part was not there at first: what is covered of the other log was not told. */
const nameForm = /^([0-9]+)\.([A-Za-z0-9-]+)\.(?:([0-9]+)\.)?([0-9a-f]{64})\.snapshot$/;

/**
 * Snapshots in a folder of this machine, one file each, for when Postgres is away. A file's name is its
 * manifest, and a file has its name only once it is whole and on the disk.
 */
export class DiskSnapshots implements SnapshotStore {
  readonly name = 'disk';

  constructor(private readonly dataDir: string) {}

  async list(of: SnapshotOf): Promise<Listed[]> {
    const folder = this.folder(of);
    const manifests = await this.manifests(of);
    return Promise.all(
      manifests.map(async (one) => ({ ...one, bytes: await bytesOf(join(folder, fileName(one))) })),
    );
  }

  async read(of: SnapshotOf, manifest: Manifest): Promise<Buffer> {
    return readFile(join(this.folder(of), fileName(manifest)));
  }

  async write(of: SnapshotOf, manifest: Manifest, payload: Buffer): Promise<boolean> {
    const folder = this.folder(of);
    await mkdir(folder, { recursive: true });
    const newest = (await this.manifests(of)).find(({ shape }) => shape === manifest.shape);
    if (newest && newest.next >= manifest.next) return false;
    // Processes of one machine may share the folder, so a name of its own for each attempt.
    const draft = join(folder, `${randomBytes(8).toString('hex')}${temporary}`);
    try {
      await writeThrough(draft, payload);
      await rename(draft, join(folder, fileName(manifest)));
    } catch (error: unknown) {
      await rm(draft, { force: true });
      throw error;
    }
    await syncFolder(folder);
    return true;
  }

  async drop(of: SnapshotOf, dropped: readonly Manifest[]): Promise<void> {
    const folder = this.folder(of);
    for (const one of dropped) await rm(join(folder, fileName(one)), { force: true });
    for (const name of await readdir(folder).catch(nothingThere)) {
      const isAbandoned = name.endsWith(temporary) && (await ageMs(join(folder, name))) > abandonedAfterMs;
      if (isAbandoned) await rm(join(folder, name), { force: true });
    }
  }

  async close(): Promise<void> {}

  private async manifests(of: SnapshotOf): Promise<Manifest[]> {
    const names = await readdir(this.folder(of)).catch(nothingThere);
    const found = names.flatMap(manifestOf).sort((a, b) => b.next - a.next);
    return found.slice(0, mostListed);
  }

  private folder(of: SnapshotOf): string {
    return join(this.dataDir, 'snapshots', `${of.context}-${of.partition}`);
  }
}

function fileName({ next, shape, foreignNext, checksum }: Manifest): string {
  const covered = foreignNext === null ? '' : `.${foreignNext}`;
  return `${String(next).padStart(digitsOfNext, '0')}.${shape}${covered}.${checksum}${suffix}`;
}

function manifestOf(name: string): Manifest[] {
  const parts = nameForm.exec(name);
  if (!parts) return [];
  const [, next, shape, foreign, checksum] = parts as unknown as [
    string,
    string,
    string,
    string | undefined,
    string,
  ];
  const foreignNext = foreign === undefined ? null : Number(foreign);
  return [{ next: Number(next), shape, foreignNext, checksum }];
}

async function writeThrough(path: string, payload: Buffer): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(payload);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Nothing, when it has just been deleted. */
async function bytesOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function ageMs(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  return found ? Date.now() - found.mtimeMs : 0;
}

function nothingThere(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}
