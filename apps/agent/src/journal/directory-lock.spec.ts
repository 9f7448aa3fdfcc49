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
    expect(JSON.parse(await readFile(join(folder, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await unlock();
  });

  it('passes from a file that is garbage', async () => {
    await writeFile(join(folder, 'lock'), 'half a loc');
    await (
      await lockDirectory(folder)
    )();
  });

  it('goes to one of many that ask at once', async () => {
    await writeFile(join(folder, 'lock'), holder({ bootId: 'another' }));
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(folder)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
