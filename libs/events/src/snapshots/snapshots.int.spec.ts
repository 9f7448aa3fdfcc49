import { randomUUID } from 'node:crypto';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { eventually } from '../log.features.js';
import { LedgerWorld, partition } from './ledger.fixture.js';

jest.setTimeout(120_000);

const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
if (!brokers)
  throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS must name a Kafka broker (host:port); npm test sets it');

async function worldOnKafka(): Promise<LedgerWorld> {
  const prefix = `snapshots-${randomUUID().slice(0, 8)}`;
  return LedgerWorld.on(prefix, () => createKafkaLog({ brokers: [brokers!], clientId: prefix }));
}

describe('snapshots of partition hosts on Kafka', () => {
  let world: LedgerWorld;

  beforeEach(async () => {
    world = await worldOnKafka();
  });
  afterEach(() => world.close());

  it('give with the tail what the whole log gives, though the commands are gone', async () => {
    const states = await world.own('states');
    const tasks = await world.own('tasks');
    const foreign = await world.send('states', 20);
    await world.untilSeen(tasks, [], foreign);
    const own = await world.send('tasks', 200);
    await world.untilSeen(tasks, own, foreign);
    const keeper = world.keeper('tasks', { trimEveryMs: 0, trimAfterMs: 0, everyRecords: 50 });
    const commands = { topic: world.topics.commands.tasks, partition };
    await eventually('covered commands are trimmed', async () => {
      await keeper.turn();
      return (await world.log.offsets(commands)).low === 200;
    });
    own.push(...(await world.send('tasks', 20)));
    foreign.push(...(await world.send('states', 20)));
    await world.untilSeen(tasks, own, foreign);
    await tasks.close();
    const fromSnapshot = await world.own('tasks', world.loader('tasks'));
    await world.untilSeen(fromSnapshot, own, foreign);
    expect(fromSnapshot.group.runner(partition)!.host.view).toEqual({ own, foreign });
    expect(fromSnapshot.begunAt[0]).toBeGreaterThan(200);
    await fromSnapshot.close();
    const fromStart = await world.own('tasks');
    await world.untilSeen(fromStart, own, foreign);
    expect(fromStart.group.runner(partition)!.host.view).toEqual({ own, foreign });
    expect(fromStart.begunAt[0]).toBeNull();
    await states.close();
    expect(world.ignored).toEqual([]);
  });

  it('let any time be asked for, though the log has become longer than one question may read', async () => {
    const bounds = { records: 40, spanMs: 20_000 };
    const history = { most: 30, always: 2, denseRecords: 10, reachRecords: 20, horizonRecords: 10_000 };
    const states = await world.own('states');
    const tasks = await world.own('tasks');
    const keeper = world.keeper('tasks', { history });
    for (let i = 0; i < 12; i++) {
      const foreign = await world.send('states', 4);
      await world.untilSeen(tasks, [], foreign);
      await world.untilSeen(tasks, await world.send('tasks', 8), foreign);
      await keeper.turn();
    }
    const own = { topic: world.topics.events.tasks, partition };
    const { records } = await world.log.read(own, 0, { maxBytes: 4_000_000, timeoutMs: 10_000 });
    const newest = (await world.disk.list({ context: 'tasks', partition }))[0]!;
    expect(newest.next).toBeGreaterThan(2 * bounds.records);
    const past = world.past('tasks', bounds);
    const withoutAny = world.past('tasks', bounds, []);
    const withoutBound = world.past('tasks', { ...bounds, records: Infinity }, []);
    const ask = (one: typeof past, atMs: number) =>
      one.answer({ tenantId: 't', partition, atMs }, (ledger) => ledger);
    const times = [...new Set(records.map(({ timestampMs }) => timestampMs))];
    for (const atMs of times) expect(await ask(past, atMs)).toEqual(await ask(withoutBound, atMs));
    expect(await ask(withoutAny, times.at(-1)!)).toEqual({ too_long: bounds.records });
    expect(world.ignored).toEqual([]);
    await Promise.all([states.close(), tasks.close()]);
  });

  it('stop a host whose commands were deleted before it had covered them', async () => {
    await world.send('tasks', 5);
    await world.log.trim({ topic: world.topics.commands.tasks, partition }, 3);
    const tasks = await world.own('tasks');
    await eventually('the alarm', () => tasks.stopped.length > 0, 30_000);
    expect(tasks.stopped[0]).toMatch(/commands that are not covered yet were deleted/);
  });

  it('are passed over once the log has been made anew', async () => {
    const tasks = await world.own('tasks');
    await world.untilSeen(tasks, await world.send('tasks', 10), []);
    await world.keeper('tasks').turn();
    expect(await world.loader('tasks').load(partition)).not.toBeNull();
    const another = await worldOnKafka();
    try {
      // Empty: it does not reach to the snapshot's place. Then it does, with other records.
      expect(await another.loader('tasks', [world.disk]).load(partition)).toBeNull();
      const owner = await another.own('tasks');
      await another.untilSeen(owner, await another.send('tasks', 20), []);
      expect(await another.loader('tasks', [world.disk]).load(partition)).toBeNull();
      expect(another.ignored).toHaveLength(2);
      expect(another.ignored.every((text) => text.endsWith('other-log'))).toBe(true);
    } finally {
      await another.close();
    }
  });
});
