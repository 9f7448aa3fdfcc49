import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootId, processEntry } from '../machine/index.js';
import { DirectoryInUse, lockDirectory } from './directory-lock.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'fluxforge-lock-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const holder = (change: object): string =>
  JSON.stringify({
    pid: process.pid,
    startTicks: processEntry(process.pid)?.startTicks,
    bootId: bootId(),
    ...change,
  });

describe('the lock of a data directory', () => {
  it('is held by one at a time, and given back', async () => {
    const unlock = await lockDirectory(folder);
    await expect(lockDirectory(folder)).rejects.toThrow(DirectoryInUse);
    await unlock();
    await (
      await lockDirectory(folder)
    )();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['a pid that is gone', { pid: 2 ** 22 + 1 }],
    ['a pid that another process has now', { startTicks: 1 }],
    ['another boot', { bootId: 'another' }],
  ])('passes from a dead holder: %s', async (_, change) => {
    await writeFile(join(folder, 'lock'), holder(change));
    const unlock = await lockDirectory(folder);
    expect(await readdir(folder)).toEqual(['lock.1']);
    expect(JSON.parse(await readFile(join(folder, 'lock.1'), 'utf8'))).toMatchObject({ pid: process.pid });
    await unlock();
    expect(await readdir(folder)).toEqual([]);
  });

  it('passes from a file that is garbage', async () => {
    await writeFile(join(folder, 'lock'), 'half a loc');
    await (
      await lockDirectory(folder)
    )();
  });

  it('goes to one of many that ask at once, whoever held it before', async () => {
    for (let round = 0; round < 50; round++) {
      await writeFile(join(folder, 'lock'), holder({ bootId: 'another' }));
      await writeFile(join(folder, `lock.${round}`), holder({ startTicks: 1 }));
      const answers = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(folder)));
      const locked = answers.filter((answer) => answer.status === 'fulfilled');
      expect(locked).toHaveLength(1);
      await locked[0]!.value();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it('of many that come and go is never held by two', async () => {
    let holders = 0;
    let locked = 0;
    const comeAndGo = async (): Promise<void> => {
      for (let turn = 0; turn < 40; turn++) {
        const unlock = await lockDirectory(folder).catch((error: unknown) => {
          if (error instanceof DirectoryInUse) return null;
          throw error;
        });
        if (!unlock) continue;
        holders += 1;
        locked += 1;
        expect(holders).toBe(1);
        await readdir(folder);
        expect(holders).toBe(1);
        holders -= 1;
        await unlock();
      }
    };
    await Promise.all(Array.from({ length: 8 }, comeAndGo));
    expect(locked).toBeGreaterThan(0);
  });
});
