import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordHash } from '@fluxforge/events/journal';
import { repairJournal, verifyJournal } from '@fluxforge/events/journal-repair';
import { header } from '@fluxforge/events/envelope';
import { type StoredRecord } from '@fluxforge/events/log';
import { InMemorySnapshots, someSnapshot } from '@fluxforge/testing/snapshot-stores';
import { eventually } from '../log.features.js';
import { LedgerWorld, partition, shape, topics } from './ledger.fixture.js';
import { decodeSnapshot, type Listed, type SnapshotStore } from './stored-snapshot.js';

const events = { topic: topics.events.tasks, partition };
const of = { context: 'tasks', partition } as const;

describe('snapshots of partition hosts', () => {
  let world: LedgerWorld;

  beforeEach(async () => {
    world = await LedgerWorld.inMemory();
  });
  afterEach(() => world.close());

  /** Both contexts have history that the other has seen; a snapshot of the tasks partition lies within it. */
  async function history() {
    const states = await world.own('states');
    const tasks = await world.own('tasks');
    const keeper = world.keeper('tasks');
    const foreign = await world.send('states', 20);
    await world.untilSeen(tasks, [], foreign);
    // What comes of these covers what was seen of the other context.
    const own = await world.send('tasks', 20);
    await world.untilSeen(tasks, own, foreign);
    await keeper.turn();
    foreign.push(...(await world.send('states', 10)));
    own.push(...(await world.send('tasks', 10)));
    await world.untilSeen(tasks, own, foreign);
    return { states, tasks, keeper, own, foreign };
  }

  function recordsOf(): readonly StoredRecord[] {
    return world.cluster!.core.read(events, 0, Infinity).records;
  }

  /** The newest snapshot that the disk has, whatever it is worth. */
  async function newest() {
    const manifest = (await world.disk.list(of))[0]!;
    return { manifest, snapshot: decodeSnapshot(manifest, await world.disk.read(of, manifest))! };
  }

  it('give with the tail what the whole log gives', async () => {
    const { tasks, own, foreign } = await history();
    await tasks.close();
    const fromSnapshot = await world.own('tasks', world.loader('tasks'));
    await world.untilSeen(fromSnapshot, own, foreign);
    expect(fromSnapshot.begunAt[0]).toBeGreaterThan(20);
    expect(fromSnapshot.group.runner(partition)!.host.view).toEqual({ own, foreign });
    await fromSnapshot.close();
    const fromStart = await world.own('tasks', world.loader('tasks', []));
    await world.untilSeen(fromStart, own, foreign);
    expect(fromStart.begunAt).toEqual([null]);
    expect(fromStart.group.runner(partition)!.host.view).toEqual({ own, foreign });
    expect(world.ignored).toEqual([]);
  });

  it('stand right behind an accepted event, though claims follow it', async () => {
    const tasks = await world.own('tasks');
    const own = await world.send('tasks', 5);
    await world.untilSeen(tasks, own, []);
    await tasks.close();
    const next = await world.own('tasks');
    await world.untilSeen(next, own, []);
    await next.close();
    await world.keeper('tasks').turn();
    const { snapshot } = await newest();
    const records = recordsOf();
    const isEvent = records.map(({ headers }) => headers[header.seq] !== undefined);
    expect(isEvent.at(-1)).toBe(false);
    expect(snapshot.position.next).toBe(isEvent.lastIndexOf(true) + 1);
    expect(snapshot.position.hash).toBe(recordHash(records[snapshot.position.next - 1]!));
    expect((await world.loader('tasks').load(partition))?.snapshot).toEqual(snapshot);
  });

  it('are made when enough has come, or when long enough nothing was, and not without news', async () => {
    let nowMs = 1_000_000;
    const tasks = await world.own('tasks');
    const keeper = world.keeper('tasks', { everyRecords: 5, everyMs: 60_000 }, [world.disk], () => nowMs);
    await keeper.turn();
    await world.untilSeen(tasks, await world.send('tasks', 4), []);
    await keeper.turn();
    expect(world.outcomes()).toEqual([]);
    await world.untilSeen(tasks, await world.send('tasks', 1), []);
    await keeper.turn();
    expect(world.outcomes()).toEqual(['made']);
    await world.untilSeen(tasks, await world.send('tasks', 1), []);
    await keeper.turn();
    expect(world.outcomes()).toEqual(['made']);
    nowMs += 60_000;
    await keeper.turn();
    expect(world.outcomes()).toEqual(['made', 'made']);
    nowMs += 60_000;
    await keeper.turn();
    expect(world.outcomes()).toEqual(['made', 'made']);
  });

  it('follow only what is led', async () => {
    const { keeper } = await history();
    const before = world.outcomes().length;
    keeper.lead([]);
    await keeper.turn();
    expect(world.outcomes()).toHaveLength(before);
    keeper.lead([partition]);
    await keeper.turn();
    expect(world.outcomes().length).toBeGreaterThan(before);
  });

  it('are passed over when unreadable or of another shape, for an older one or none', async () => {
    const { keeper } = await history();
    await keeper.turn();
    const [last, before] = (await world.disk.list(of)) as [Listed, Listed];
    const folder = join(world.folder, 'snapshots', 'tasks-0');
    const [file] = readdirSync(folder).sort().reverse() as [string];
    writeFileSync(join(folder, file), 'cut sho');
    const loaded = await world.loader('tasks').load(partition);
    expect(loaded?.snapshot.position.next).toBe(before.next);
    expect(world.ignored).toEqual([`disk@${last.next}: unreadable`]);
    world.ignored.length = 0;
    expect(await world.loader('tasks', [world.disk], 'ledger-2').load(partition)).toBeNull();
    // Said once: all that the other version has kept is of its shape.
    expect(world.ignored).toEqual([`disk@${last.next}: other-shape`]);
  });

  it('are passed over when the log at their place is another one, or does not reach there', async () => {
    const { tasks, states, keeper } = await history();
    await keeper.turn();
    await tasks.close();
    await states.close();
    const records = recordsOf();
    // The tail is lost, and others write there: same offsets, other history.
    world.cluster!.truncate(events, 5);
    expect(await world.loader('tasks').load(partition)).toBeNull();
    const other = [...records, ...records].map(({ key, value, headers }) => ({ key, value, headers }));
    await world.log.append(events, other, { timeoutMs: 1_000 });
    expect(await world.loader('tasks').load(partition)).toBeNull();
    const kept = (await world.disk.list(of)).length;
    expect(world.ignored).toHaveLength(2 * kept);
    expect(world.ignored.every((text) => text.endsWith('other-log'))).toBe(true);
  });

  it('of another log do not keep the follower from beginning anew', async () => {
    const { tasks, states, keeper, own } = await history();
    await tasks.close();
    await states.close();
    const { manifest } = await newest();
    world.cluster!.truncate(events, manifest.next - 5);
    // First it finds that the log no longer reaches to where it stood, then it folds what is there.
    await keeper.turn();
    expect(world.outcomes().at(-1)).toBe('failed');
    const next = await world.own('tasks', world.loader('tasks'));
    await eventually('another owner', () => next.group.runner(partition)?.host.leading);
    await world.untilSeen(next, await world.send('tasks', 30), []);
    await eventually('a snapshot of the new history', async () => {
      await keeper.turn();
      return (await newest()).manifest.next > manifest.next;
    });
    const loaded = (await world.loader('tasks').load(partition))!.snapshot;
    const seen = (JSON.parse(loaded.state) as { own: string[] }).own;
    expect(seen.slice(0, 10)).toEqual(own.slice(0, 10));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('are not made when the other log is shorter than what is covered of it', async () => {
    const { tasks, states } = await history();
    await tasks.close();
    await states.close();
    world.cluster!.truncate({ topic: topics.events.states, partition }, 2);
    world.news.length = 0;
    const keeper = world.keeper('tasks', {}, []);
    await keeper.turn();
    await keeper.turn();
    expect(world.outcomes()).toEqual(['failed']);
    expect(JSON.stringify(world.news.at(-1))).toMatch(/ends at 2, before what is covered/);
  });

  it('that are older are thinned out after each new one, in every store by itself', async () => {
    const twin = new InMemorySnapshots();
    const tasks = await world.own('tasks');
    const keeper = world.keeper('tasks', {}, [world.disk, twin]);
    const made: number[] = [];
    for (let i = 0; i < 6; i++) {
      await world.untilSeen(tasks, await world.send('tasks', 1), []);
      await keeper.turn();
      made.unshift((await newest()).manifest.next);
    }
    // All of them lie close together: the newest, the one to fall back on, and the first of all.
    const kept = [made[0], made[1], made.at(-1)];
    expect((await world.disk.list(of)).map(({ next }) => next)).toEqual(kept);
    expect((await twin.list(of)).map(({ next }) => next)).toEqual(kept);
    expect(readdirSync(join(world.folder, 'snapshots', 'tasks-0'))).toHaveLength(kept.length);
    const none = world.keeper('tasks', { historyBytes: 0 }, [twin]);
    await world.untilSeen(tasks, await world.send('tasks', 1), []);
    await none.turn();
    expect((await twin.list(of)).map(({ next }) => next)).toEqual([expect.any(Number), made[0]]);
  });

  it('of another version, however new, do not keep this one from making its own', async () => {
    await history();
    await world.disk.drop(of, await world.disk.list(of));
    const payload = Buffer.from('of another shape');
    for (const next of [5, 900_000])
      await world.disk.write(of, someSnapshot(next, payload, { shape: 'ledger-2' }), payload);
    await world.keeper('tasks').turn();
    const made = (await world.loader('tasks').load(partition))?.snapshot.position.next;
    expect(made).toBeGreaterThan(20);
    const left = (await world.disk.list(of)).map((one) => [one.next, one.shape]);
    expect(left).toEqual([
      [900_000, 'ledger-2'],
      [made, shape],
    ]);
  });

  it('that cannot be deleted are said, and stop neither new ones nor a takeover', async () => {
    const tasks = await world.own('tasks');
    const stuck = new InMemorySnapshots();
    stuck.drop = () => Promise.reject(new Error('no right to'));
    const keeper = world.keeper('tasks', {}, [stuck]);
    for (let i = 0; i < 4; i++) {
      await world.untilSeen(tasks, await world.send('tasks', 1), []);
      await keeper.turn();
    }
    const listed = await stuck.list(of);
    expect(listed).toHaveLength(4);
    const each = ['made', 'not_thinned_on_disk'];
    expect(world.outcomes()).toEqual([...each, ...each, ...each, ...each]);
    const loaded = await world.loader('tasks', [stuck]).load(partition);
    expect(loaded?.snapshot.position.next).toBe(listed[0]!.next);
  });

  async function withDamaged(count: number): Promise<InMemorySnapshots> {
    const store = new InMemorySnapshots();
    const payload = Buffer.from('x');
    for (let next = 1; next <= count; next++)
      await store.write(of, someSnapshot(next, payload, { shape, checksum: 'wrong' }), payload);
    return store;
  }

  it('are read so many at most before the log itself is', async () => {
    const store = await withDamaged(20);
    expect(await world.loader('tasks', [store]).load(partition)).toBeNull();
    const tried = Array.from({ length: 8 }, (_, i) => `disk@${20 - i}: unreadable`);
    expect(world.ignored).toEqual(tried);
  });

  it('of a store that fails one read are tried once more, and then those of the others', async () => {
    const store = await withDamaged(5);
    let reads = 0;
    store.read = async () => {
      reads += 1;
      throw new Error('away');
    };
    expect(await world.loader('tasks', [store]).load(partition)).toBeNull();
    expect(reads).toBe(2);
  });

  it('that trickle are given up for those of another store', async () => {
    const { tasks } = await history();
    const trickling = new InMemorySnapshots('postgres');
    await world.untilSeen(tasks, await world.send('tasks', 1), []);
    await world.keeper('tasks', {}, [trickling, world.disk]).turn();
    trickling.read = () => new Promise(() => undefined);
    const loaded = await world.loader('tasks', [trickling, world.disk]).load(partition);
    expect(loaded?.store).toBe('disk');
    expect(world.ignored).toEqual([
      expect.stringMatching(/^postgres: .*within 400 ms/),
      expect.stringMatching(/^postgres@\d+: unreadable$/),
    ]);
  });

  it('that end within a range are found there, past one that is unreadable', async () => {
    const { tasks } = await history();
    const store = new InMemorySnapshots();
    const keeper = world.keeper('tasks', {}, [store]);
    for (let i = 0; i < 3; i++) {
      await world.untilSeen(tasks, await world.send('tasks', 1), []);
      await keeper.turn();
    }
    const [last, before, first] = (await store.list(of)) as [Listed, Listed, Listed];
    const loader = world.loader('tasks', [store]);
    const found = async (lowest: number, highest: number) =>
      (await loader.load(partition, { lowest, highest }))?.snapshot.position.next ?? null;
    expect(await found(0, last.next)).toBe(last.next);
    expect(await found(0, last.next - 1)).toBe(before.next);
    expect(await found(before.next, last.next - 1)).toBe(before.next);
    expect(await found(before.next + 1, last.next - 1)).toBeNull();
    expect(await found(0, first.next - 1)).toBeNull();
    const read = store.read.bind(store);
    store.read = async (at, manifest) =>
      manifest.next === before.next ? Buffer.from('cut sho') : read(at, manifest);
    expect(await found(0, last.next - 1)).toBe(first.next);
    expect(world.ignored).toEqual([`disk@${before.next}: unreadable`]);
  });

  it('are due by what is covered of the other log as well', async () => {
    const states = await world.own('states');
    const tasks = await world.own('tasks');
    const keeper = world.keeper('tasks', { everyRecords: 20 });
    const own = await world.send('tasks', 5);
    await world.untilSeen(tasks, own, []);
    await keeper.turn();
    expect(world.outcomes()).toEqual([]);
    const foreign = await world.send('states', 20);
    await world.untilSeen(states, foreign, []);
    await world.untilSeen(tasks, [...own, ...(await world.send('tasks', 1))], foreign);
    await eventually('what is covered', async () => {
      await keeper.turn();
      return world.outcomes().length > 0;
    });
    expect((await newest()).manifest.foreignNext).toBeGreaterThanOrEqual(20);
  });

  it('are taken from the store with the newest, and one that is away holds nobody up', async () => {
    const { keeper } = await history();
    await keeper.turn();
    const { manifest, snapshot } = await newest();
    const away: SnapshotStore = {
      name: 'postgres',
      list: () => new Promise(() => undefined),
      read: () => new Promise(() => undefined),
      write: () => Promise.reject(new Error('away')),
      drop: () => Promise.reject(new Error('away')),
      close: async () => undefined,
    };
    const startedMs = performance.now();
    const loaded = await world.loader('tasks', [world.disk, away]).load(partition);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(loaded).toMatchObject({ store: 'disk', snapshot: { position: snapshot.position } });
    const older: SnapshotStore = { ...away, list: async () => [{ ...manifest, next: 2, shape }] };
    expect((await world.loader('tasks', [older, world.disk]).load(partition))?.store).toBe('disk');
    const newer: SnapshotStore = {
      ...away,
      name: 'postgres',
      list: async () => [{ ...manifest, next: 999 }],
      read: async () => Buffer.from('x'),
    };
    expect((await world.loader('tasks', [newer, world.disk]).load(partition))?.store).toBe('disk');
    expect(world.ignored.at(-1)).toBe('postgres@999: unreadable');
  });

  it('go to the disk alone when the other store is away, and say so', async () => {
    const { tasks } = await history();
    const away: SnapshotStore = {
      name: 'postgres',
      list: () => Promise.reject(new Error('away')),
      read: () => Promise.reject(new Error('away')),
      write: () => Promise.reject(new Error('away')),
      drop: () => Promise.reject(new Error('away')),
      close: async () => undefined,
    };
    const keeper = world.keeper('tasks', {}, [world.disk, away]);
    await world.untilSeen(tasks, await world.send('tasks', 5), []);
    world.news.length = 0;
    await keeper.turn();
    expect(world.outcomes()).toEqual(['not_on_postgres', 'made']);
  });

  it('stop before a corruption, and go on behind its repair', async () => {
    const { tasks, keeper } = await history();
    await tasks.close();
    await keeper.turn();
    const before = (await newest()).manifest.next;
    const last = recordsOf()
      .filter(({ headers }) => headers[header.seq] !== undefined)
      .at(-1)!;
    const jump = { ...last.headers, [header.seq]: String(Number(last.headers[header.seq]) + 7) };
    await world.log.append(events, [{ ...last, headers: jump }], { timeoutMs: 1_000 });
    await world.log.append(events, [last], { timeoutMs: 1_000 });
    await keeper.turn();
    expect((await newest()).manifest.next).toBe(before);
    const { position } = await verifyJournal(world.log, events);
    const ownerId = 'operator-1';
    await repairJournal(world.log, { context: 'tasks', events, ownerId, from: position, nowMs: Date.now() });
    const next = await world.own('tasks', world.loader('tasks'));
    await world.untilSeen(next, await world.send('tasks', 1), []);
    await keeper.turn();
    expect((await newest()).manifest.next).toBeGreaterThan(before);
    expect(next.begunAt).toEqual([before]);
  });
});
