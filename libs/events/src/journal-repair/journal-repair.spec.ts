import { header } from '@fluxforge/events/envelope';
import { JournalReader, startOfLog, type Position } from '@fluxforge/events/journal';
import { type LogRecord, type StoredRecord } from '@fluxforge/events/log';
import { eventually } from '../log.features.js';
import { LedgerWorld, partition, topics } from '../snapshots/ledger.fixture.js';
import { repairJournal, verifyJournal } from './index.js';

const events = { topic: topics.events.tasks, partition };

describe('journal verify and repair', () => {
  let world: LedgerWorld;

  beforeEach(async () => {
    world = await LedgerWorld.inMemory();
  });
  afterEach(() => world.close());

  const append = (...records: LogRecord[]) => world.log.append(events, records, { timeoutMs: 1_000 });
  const records = (): readonly StoredRecord[] => world.cluster!.core.read(events, 0, Infinity).records;
  const lastEvent = () =>
    records()
      .filter(({ headers }) => headers[header.seq] !== undefined)
      .at(-1)!;
  const repair = (from: Position) =>
    repairJournal(world.log, { context: 'tasks', events, ownerId: 'operator-1', from, nowMs: Date.now() });

  /** A record that claims a place further on in the term: some before it must have been lost. */
  function jump(record: StoredRecord): LogRecord {
    const seq = String(Number(record.headers[header.seq]) + 7);
    return { key: record.key, value: record.value, headers: { ...record.headers, [header.seq]: seq } };
  }

  it('counts what readers accept, and by reason what they skip', async () => {
    const first = await world.own('tasks');
    await world.untilSeen(first, await world.send('tasks', 3), []);
    await first.close();
    const former = lastEvent();
    const second = await world.own('tasks');
    await world.untilSeen(second, await world.send('tasks', 2), []);
    await second.close();
    await append(former, lastEvent(), { key: null, value: Buffer.from('?'), headers: {} });
    const report = await verifyJournal(world.log, events);
    expect(report).toMatchObject({
      claims: 2,
      skipped: { 'stale-term': 1, duplicate: 1, 'no-journal-headers': 1 },
      corruptions: [],
      halted: null,
    });
    expect(report.accepted).toBe(records().length - 5);
    expect(report.position).toMatchObject({
      next: records().length,
      seq: Number(lastEvent().headers[header.seq]),
    });
  });

  it('finds a changed record by the hash chain', async () => {
    const owner = await world.own('tasks');
    await world.untilSeen(owner, await world.send('tasks', 1), []);
    await owner.close();
    const copy = records().map(({ key, value, headers }) => ({ key, value, headers }));
    const at = copy.length - 1;
    world.cluster!.truncate(events, at);
    const forged = { ...copy[at]!, headers: { ...copy[at]!.headers, [header.previous]: 'x' } };
    await append(forged);
    const report = await verifyJournal(world.log, events);
    expect(report.corruptions).toEqual([{ offset: at, message: `the hash chain breaks at offset ${at}` }]);
    expect(report.halted).not.toBeNull();
  });

  it('corrupt: hosts stop with an alarm; repaired: readers and hosts go on, with all that was good', async () => {
    const tasks = await world.own('tasks');
    const states = await world.own('states');
    const good = await world.send('tasks', 5);
    await world.untilSeen(tasks, good, []);
    await world.untilSeen(states, [], good);
    const last = lastEvent();
    // A reader that stands before the damage, and one that has yet to begin.
    const halfway = new JournalReader(startOfLog);
    for (const record of records()) halfway.read(record);
    const at = await append(jump(last));
    const more = await world.send('tasks', 2);
    await eventually('the owner stops', () => tasks.stopped.length > 0);
    await eventually('the other context stops', () => states.stopped.length > 0);
    expect(tasks.stopped[0]).toMatch(new RegExp(`seq jumps .* at offset ${at}`));
    expect(states.stopped[0]).toMatch(new RegExp(`other context's log: seq jumps .* at offset ${at}`));
    await tasks.close();
    await states.close();

    const report = await verifyJournal(world.log, events);
    expect(report.corruptions.map(({ offset }) => offset)).toEqual([at]);
    expect(report.position.next).toBe(at);
    // Without a repair nobody claims over the damage.
    const stuck = await world.own('tasks');
    await eventually('it stops too', () => stuck.stopped.length > 0);
    await stuck.close();

    const after = await repair(report.position);
    expect(after).toMatchObject({ halted: null, position: { term: report.position.term + 1 } });
    for (const record of records().slice(at)) halfway.read(record);
    expect(halfway.position).toEqual(after.position);

    const nextTasks = await world.own('tasks');
    const nextStates = await world.own('states');
    await world.untilSeen(nextTasks, [...good, ...more], []);
    await world.untilSeen(nextStates, [], [...good, ...more]);
    expect(nextTasks.group.runner(partition)!.host.view.own).toEqual([...good, ...more]);
    expect(nextStates.group.runner(partition)!.host.view.foreign).toEqual([...good, ...more]);
    const whole = await verifyJournal(world.log, events);
    expect(whole).toMatchObject({ halted: null, claims: 3, corruptions: [{ offset: at }] });
  });

  it('is for a halted log alone, and for the position that was agreed to', async () => {
    const owner = await world.own('tasks');
    await world.untilSeen(owner, await world.send('tasks', 3), []);
    await owner.close();
    const sound = await verifyJournal(world.log, events);
    await expect(repair(sound.position)).rejects.toThrow(/nothing to repair/);
    await append(jump(lastEvent()));
    const stale = { ...sound.position, seq: sound.position.seq - 1 };
    await expect(repair(stale)).rejects.toThrow(/another one by now/);
    expect((await verifyJournal(world.log, events)).claims).toBe(1);
  });
});
