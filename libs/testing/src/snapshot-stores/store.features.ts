import { createHash, randomBytes } from 'node:crypto';
import { mostListed, type NewManifest, type SnapshotStore } from '@fluxforge/events/snapshots';

export interface StoreWorld {
  readonly store: SnapshotStore;
  close(): Promise<void>;
}

export function someSnapshot(next: number, payload: Buffer, over: Partial<NewManifest> = {}): NewManifest {
  const checksum = createHash('sha256').update(payload).digest('hex');
  return { next, shape: 'tasks-1', checksum, foreignNext: 3 * next, position: `${next}/1.1/o/1/h`, ...over };
}

/** The behaviour that every place for snapshots has. */
export function describeSnapshotStore(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(name, () => {
    let world: StoreWorld;
    let partition = 0;
    const of = () => ({ context: 'tasks', partition }) as const;
    const text = Buffer.from('state');
    const write = (next: number, over: Partial<NewManifest> = {}) =>
      world.store.write(of(), someSnapshot(next, text, over), text);
    const nexts = async () => (await world.store.list(of())).map(({ next, shape }) => `${shape}@${next}`);

    beforeAll(async () => {
      world = await makeWorld();
    });
    beforeEach(() => {
      partition += 1;
    });
    afterAll(() => world?.close());

    it('lists what was written, newest first, and gives it back whole', async () => {
      const payloads = [Buffer.alloc(0), randomBytes(1), randomBytes(70_000)];
      const written = payloads.map((payload, i) => someSnapshot(10 + i, payload));
      for (const [i, manifest] of written.entries())
        expect(await world.store.write(of(), manifest, payloads[i]!)).toBe(true);
      const listed = written.map(({ position: _, ...manifest }, i) => ({
        ...manifest,
        bytes: payloads[i]!.length,
      }));
      expect(await world.store.list(of())).toEqual(listed.reverse());
      for (const [i, manifest] of written.entries())
        expect((await world.store.read(of(), manifest)).equals(payloads[i]!)).toBe(true);
      expect(await world.store.list({ ...of(), context: 'states' })).toEqual([]);
    });

    it('takes no older one of a shape, nor the same again; other shapes have newest ones of their own', async () => {
      expect(await write(5)).toBe(true);
      expect(await write(5)).toBe(false);
      expect(await write(4)).toBe(false);
      expect(await write(7)).toBe(true);
      const other = Buffer.from('another state');
      const manifest = someSnapshot(7, other, { shape: 'tasks-2' });
      expect(await write(3, { shape: 'tasks-2' })).toBe(true);
      expect(await world.store.write(of(), manifest, other)).toBe(true);
      expect((await nexts()).sort()).toEqual(['tasks-1@5', 'tasks-1@7', 'tasks-2@3', 'tasks-2@7']);
      expect((await world.store.read(of(), manifest)).equals(other)).toBe(true);
      expect((await world.store.read(of(), someSnapshot(7, text))).equals(text)).toBe(true);
    });

    it('drops what it is told to and nothing else, and what is gone already without a word', async () => {
      for (const next of [1, 2, 3]) await write(next);
      await write(2, { shape: 'tasks-2' });
      const dropped = [someSnapshot(2, text), someSnapshot(9, text)];
      await world.store.drop(of(), dropped);
      await world.store.drop(of(), dropped);
      await world.store.drop(of(), []);
      expect(await nexts()).toEqual(['tasks-1@3', 'tasks-2@2', 'tasks-1@1']);
      await expect(world.store.read(of(), someSnapshot(2, text))).rejects.toThrow();
      expect(await write(2)).toBe(false);
    });

    it('of many writers at one time ends with the newest', async () => {
      const shuffled = Array.from({ length: 12 }, (_, i) => 100 + ((i * 7) % 12));
      await Promise.all(shuffled.map((next) => write(next)));
      expect((await nexts())[0]).toBe('tasks-1@111');
    });

    it('lists the newest of more than are ever kept', async () => {
      const many = mostListed + 2;
      for (let next = 1; next <= many; next++) await write(next);
      const listed = await world.store.list(of());
      expect([listed.length, listed[0]?.next, listed.at(-1)?.next]).toEqual([mostListed, many, 3]);
    });
  });
}
