import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootId, isErrno, processEntry } from '../machine/index.js';

export class DirectoryInUse extends Error {
  constructor(folder: string, pid: number) {
    super(`data directory ${folder} is in use by the agent process ${pid}`);
    this.name = 'DirectoryInUse';
  }
}

interface Holder {
  pid: number;
  startTicks: number;
  bootId: string;
}

/** A lock file by its number; who takes over takes the next one. */
interface LockFile {
  readonly name: string;
  readonly number: number;
}

const attempts = 10;

/**
 * One process per data directory. A lock is a file that names its holder by pid, start time and boot id; `link` makes
 * it whole or not at all. That of a holder that is gone (kill -9, reboot) is not taken away, since by then it may be
 * another's: whoever finds the highest one dead makes the next, and of many only one can. Whoever has made one looks
 * once more, and gives it back if another's is alive: of two that each make theirs before they look, one sees the other.
 *
 * @throws DirectoryInUse
 */
export async function lockDirectory(folder: string): Promise<() => Promise<void>> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const found = await lockFiles(folder);
    const alive = await livingHolder(folder, found);
    if (alive) throw new DirectoryInUse(folder, alive.pid);
    const number = 1 + Math.max(0, ...found.map((file) => file.number));
    const name = `lock.${number}`;
    if (!(await tryCreate(folder, name))) continue;
    const others = (await lockFiles(folder)).filter((file) => file.name !== name);
    if (await livingHolder(folder, others)) {
      await remove(folder, name);
      continue;
    }
    for (const other of others) await remove(folder, other.name);
    return () => remove(folder, name);
  }
  throw new DirectoryInUse(folder, 0);
}

/** Earlier versions had one file, without a number. */
async function lockFiles(folder: string): Promise<LockFile[]> {
  const matches = (await readdir(folder)).map((name) => /^lock(?:\.(\d+))?$/.exec(name));
  return matches.flatMap((match) => (match ? [{ name: match[0], number: Number(match[1] ?? 0) }] : []));
}

async function livingHolder(folder: string, files: readonly LockFile[]): Promise<Holder | null> {
  for (const { name } of files) {
    const holder = parseHolder((await readText(join(folder, name))) ?? '');
    if (holder && isAlive(holder)) return holder;
  }
  return null;
}

function self(): Holder {
  const startTicks = processEntry(process.pid)?.startTicks ?? 0;
  return { pid: process.pid, startTicks, bootId: bootId() };
}

function isAlive(holder: Holder): boolean {
  if (holder.bootId !== bootId()) return false;
  const entry = processEntry(holder.pid);
  return entry !== undefined && !entry.dead && entry.startTicks === holder.startTicks;
}

async function tryCreate(folder: string, name: string): Promise<boolean> {
  const draft = join(folder, `lock.${process.pid}.${randomBytes(4).toString('hex')}`);
  await writeFile(draft, JSON.stringify(self()), { mode: 0o600 });
  try {
    await link(draft, join(folder, name));
    return true;
  } catch (error: unknown) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function remove(folder: string, name: string): Promise<void> {
  try {
    await unlink(join(folder, name));
  } catch (error: unknown) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    const { pid, startTicks, bootId: boot } = value;
    if (typeof pid !== 'number' || typeof startTicks !== 'number' || typeof boot !== 'string')
      return undefined;
    return { pid, startTicks, bootId: boot };
  } catch {
    return undefined;
  }
}
