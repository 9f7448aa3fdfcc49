import { randomBytes } from 'node:crypto';
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
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

/**
 * One process per data directory. The lock is a file that names its holder by pid, start time and boot
 * id; `link` makes it whole or not at all. A holder that is gone (kill -9, reboot) loses it: the file is
 * moved aside first, so of two that find it stale only one gets to remove the one it read.
 */
export async function lockDirectory(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const mine = JSON.stringify(self());
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (await tryCreate(folder, path, mine)) {
      return async () => {
        if ((await readText(path)) === mine) await unlink(path);
      };
    }
    const text = await readText(path);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && isAlive(holder)) throw new DirectoryInUse(folder, holder.pid);
    await removeStale(path, text);
  }
  throw new DirectoryInUse(folder, 0);
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

async function tryCreate(folder: string, path: string, content: string): Promise<boolean> {
  const draft = join(folder, `lock.${process.pid}.${randomBytes(4).toString('hex')}`);
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function removeStale(path: string, seen: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  // Someone else replaced it between our look and our move: give it back.
  if ((await readText(aside)) !== seen) await link(aside, path).catch(() => undefined);
  await unlink(aside);
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
