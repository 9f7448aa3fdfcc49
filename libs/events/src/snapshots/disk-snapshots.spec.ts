import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSnapshotStore, InMemorySnapshots, someSnapshot } from '@fluxforge/testing/snapshot-stores';
import { DiskSnapshots } from './disk-snapshots.js';

const newFolder = () => mkdtempSync(join(tmpdir(), 'ff-snapshots-'));

describeSnapshotStore('snapshots in memory', async () => ({
  store: new InMemorySnapshots(),
  close: async () => undefined,
}));

describeSnapshotStore('snapshots on a disk', async () => {
  const folder = newFolder();
  return {
    store: new DiskSnapshots(folder),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

describe('a folder of snapshots', () => {
  const of = { context: 'tasks', partition: 0 } as const;
  const payload = Buffer.from('state');
  let folder: string;
  let inside: string;

  beforeEach(() => {
    folder = newFolder();
    inside = join(folder, 'snapshots', 'tasks-0');
    mkdirSync(inside, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('may have files that do not say yet what they cover of the other log', async () => {
    const store = new DiskSnapshots(folder);
    const { checksum } = someSnapshot(7, payload);
    writeFileSync(join(inside, `0000000000000007.tasks-1.${checksum}.snapshot`), payload);
    const old = { next: 7, shape: 'tasks-1', checksum, foreignNext: null };
    expect(await store.list(of)).toEqual([{ ...old, bytes: payload.length }]);
    expect((await store.read(of, old)).equals(payload)).toBe(true);
    expect(await store.write(of, someSnapshot(7, payload), payload)).toBe(false);
    expect(await store.write(of, someSnapshot(8, payload), payload)).toBe(true);
    expect((await store.list(of)).map(({ next }) => next)).toEqual([8, 7]);
    await store.drop(of, [old]);
    expect((await store.list(of)).map(({ next }) => next)).toEqual([8]);
  });

  it('is rid of what a crash has left half written, once that is old, and keeps what is no snapshot', async () => {
    const store = new DiskSnapshots(folder);
    for (const name of ['old.tmp', 'new.tmp', 'notes.txt']) writeFileSync(join(inside, name), 'x');
    utimesSync(join(inside, 'old.tmp'), 0, 0);
    await store.drop(of, []);
    expect(readdirSync(inside).sort()).toEqual(['new.tmp', 'notes.txt']);
    expect(await store.list(of)).toEqual([]);
  });
});
