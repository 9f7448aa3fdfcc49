import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outcome, Result, leaseKeyText } from '@fluxforge/agent-protocol';
import { type JournalState, applyEntry, emptyState, snapshotEntries } from './entries.js';
import { Journal, type JournalSettings, foldSegment, inspectJournal } from './journal.js';
import { encodeRecord, scanRecords } from './record.js';
import { listSegments, segmentName } from './segment.js';

const key = (taskId: string, attempt = 1) => ({ taskId, life: 1, attempt });
const result = (taskId: string, attempt = 1) =>
  Result.fromPartial({
    key: key(taskId, attempt),
    term: 1,
    reportId: `r-${taskId}`,
    outcome: Outcome.EXITED,
  });
const accepted = (taskId: string) =>
  ({ t: 'accepted', key: key(taskId), term: 1, executor: 'shell', bootId: 'boot' }) as const;
const running = (taskId: string, pid: number) =>
  ({ t: 'running', key: key(taskId), pid, startTicks: 5, atMs: 9 }) as const;

let folder: string;
let settings: JournalSettings;
const open: Journal[] = [];

async function openJournal(): Promise<{ journal: Journal; damaged: boolean }> {
  const recovered = await Journal.open(settings);
  open.push(recovered.journal);
  return recovered;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fluxforge-journal-'));
  settings = { folder, segmentBytes: 16 * 1024, reserveBytes: 1024, maxHeld: 1000 };
});

afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close().catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

async function segmentPath(): Promise<string> {
  const [newest] = await listSegments(folder);
  if (newest === undefined) throw new Error('no segment');
  return join(folder, segmentName(newest));
}

function summary(state: JournalState): object {
  return {
    term: [state.epoch, state.term],
    held: [...state.held].map(([text, { stage, process, result: report }]) => [
      text,
      stage,
      process,
      report?.reportId,
    ]),
    runs: state.runs,
    recent: [...state.recent.keys()],
  };
}

describe('the journal', () => {
  it('remembers what was committed', async () => {
    const { journal } = await openJournal();
    journal.append({ t: 'term', epoch: 1, term: 7 });
    for (const id of ['a', 'b', 'c', 'd']) journal.append(accepted(id));
    journal.append(running('b', 100));
    journal.append(running('c', 101));
    journal.append({ t: 'ended', result: result('c') });
    journal.append({ t: 'ended', result: result('d') });
    journal.append({ t: 'acknowledged', key: key('d') });
    await journal.commit();
    const before = summary(journal.state);
    // No close: as after kill -9.
    const { journal: again, damaged } = await openJournal();
    expect(damaged).toBe(false);
    expect(summary(again.state)).toEqual(before);
    expect(before).toEqual({
      term: [1, 7],
      held: [
        [leaseKeyText(key('a')), 'accepted', undefined, undefined],
        [leaseKeyText(key('b')), 'running', { pid: 100, startTicks: 5 }, undefined],
        [leaseKeyText(key('c')), 'ended', { pid: 101, startTicks: 5 }, 'r-c'],
      ],
      runs: { shell: 2 },
      recent: ['d'],
    });
  });

  it('counts runs once over any number of restarts', async () => {
    for (let start = 0; start < 3; start += 1) {
      const { journal } = await openJournal();
      journal.append(accepted(`t-${start}`));
      journal.append(running(`t-${start}`, 1));
      if (start > 0) journal.append({ t: 'ended', result: result(`t-${start - 1}`) });
      await journal.commit();
    }
    const { journal } = await openJournal();
    expect(journal.state.runs).toEqual({ shell: 3 });
  });

  it('can be looked at while it is open', async () => {
    expect(await inspectJournal(folder)).toBeUndefined();
    const { journal } = await openJournal();
    journal.append(accepted('a'));
    journal.append(running('a', 1));
    await journal.commit();
    const found = await inspectJournal(folder);
    expect(found).toMatchObject({ damaged: false, state: { runs: { shell: 1 } } });
  });

  it('stays small: one segment, whatever the history', async () => {
    const { journal } = await openJournal();
    journal.append(accepted('held'));
    for (let i = 0; i < 2000; i += 1) {
      journal.append(accepted(`t-${i}`));
      journal.append({ t: 'ended', result: result(`t-${i}`) });
      journal.append({ t: 'acknowledged', key: key(`t-${i}`) });
      if (i % 10 === 0) await journal.commit();
    }
    await journal.commit();
    expect(await listSegments(folder)).toHaveLength(1);
    const { journal: again } = await openJournal();
    expect([...again.state.held.keys()]).toEqual([leaseKeyText(key('held'))]);
    expect(again.state.recent.has('t-1999')).toBe(true);
  });

  it('answers many who wait with few writes, and loses none that were appended meanwhile', async () => {
    const { journal } = await openJournal();
    const commits = Array.from({ length: 300 }, (_, index) => {
      journal.append(accepted(`t-${index}`));
      return journal.commit();
    });
    await Promise.all(commits);
    const { journal: again } = await openJournal();
    expect(again.state.held.size).toBe(300);
  });

  it('commits what is asked for in the moment that a commit ends', async () => {
    const { journal } = await openJournal();
    journal.append(accepted('a'));
    await journal.commit().then(async () => {
      journal.append(accepted('b'));
      await journal.commit();
      journal.append(accepted('c'));
      await journal.commit();
    });
    const { journal: again } = await openJournal();
    expect(again.state.held.size).toBe(3);
  });

  it('says that it has no room before it has none for the ends', async () => {
    settings = { ...settings, maxHeld: 3 };
    const { journal } = await openJournal();
    for (const id of ['a', 'b', 'c']) {
      expect(journal.hasRoom()).toBe(true);
      journal.append(accepted(id));
    }
    expect(journal.hasRoom()).toBe(false);
    journal.append({ t: 'ended', result: result('a') });
    journal.append({ t: 'acknowledged', key: key('a') });
    expect(journal.hasRoom()).toBe(true);
  });

  it('recovers from a lost folder entry of the next segment: a draft is no segment', async () => {
    const { journal } = await openJournal();
    journal.append(accepted('a'));
    await journal.commit();
    await writeFile(join(folder, `${segmentName(99)}.draft`), 'half');
    const { journal: again, damaged } = await openJournal();
    expect(damaged).toBe(false);
    expect(again.state.held.size).toBe(1);
  });
});

describe('damage', () => {
  /** Three leases, the last record being the end of the first. */
  async function writeSample(): Promise<{ bytes: Buffer; ends: number[]; path: string }> {
    const { journal } = await openJournal();
    journal.append({ t: 'term', epoch: 1, term: 4 });
    for (const id of ['a', 'b', 'c']) journal.append(accepted(id));
    journal.append({ t: 'ended', result: result('a') });
    await journal.commit();
    await journal.close();
    const path = await segmentPath();
    const bytes = await readFile(path);
    const ends: number[] = [];
    let offset = 0;
    for (const payload of scanRecords(bytes).payloads) ends.push((offset += 12 + payload.length));
    return { bytes, ends, path };
  }

  /** What the first n records fold to. */
  function folded(bytes: Buffer, count: number): object {
    const state = emptyState();
    for (const payload of scanRecords(bytes).payloads.slice(0, count)) {
      applyEntry(state, JSON.parse(payload.toString()) as Parameters<typeof applyEntry>[1]);
    }
    return summary(state);
  }

  async function clear(): Promise<void> {
    for (const number of await listSegments(folder)) await rm(join(folder, segmentName(number)));
  }

  it('cut at any byte: exactly the whole records before the cut are kept', async () => {
    const { bytes, ends, path } = await writeSample();
    const last = ends.at(-1) ?? 0;
    for (let cut = 0; cut <= last; cut += 1) {
      const { state, damaged } = foldSegment(bytes.subarray(0, cut));
      const whole = ends.filter((end) => end <= cut).length;
      expect(state && summary(state)).toEqual(whole === 0 ? undefined : folded(bytes, whole));
      const tail = bytes.subarray(ends[whole - 1] ?? 0, cut);
      expect(damaged).toBe(whole === 0 || !isZero(tail));
    }
    for (const cut of ends.flatMap((end) => [end - 1, end, end + 1])) {
      await clear();
      await writeFile(path, bytes.subarray(0, cut));
      const { journal } = await Journal.open({ ...settings, segmentBytes: 4096 });
      expect(summary(journal.state)).toEqual(folded(bytes, ends.filter((end) => end <= cut).length));
      await journal.close();
    }
  });

  it('a flipped bit anywhere: nothing behind it is believed, nothing before it is lost', async () => {
    const { bytes, ends, path } = await writeSample();
    const last = ends.at(-1) ?? 0;
    for (let at = 0; at < last; at += 1) {
      const broken = Buffer.from(bytes);
      broken.writeUInt8(broken.readUInt8(at) ^ (1 << (at % 8)), at);
      const { payloads, damaged } = scanRecords(broken);
      const whole = ends.filter((end) => end <= at).length;
      expect(payloads).toHaveLength(whole);
      expect(damaged).toBe(true);
    }
    bytes.writeUInt8(bytes.readUInt8(last - 3) ^ 4, last - 3);
    await writeFile(path, bytes);
    const { journal, damaged } = await openJournal();
    expect(damaged).toBe(true);
    expect(journal.state.held.get(leaseKeyText(key('a')))?.stage).toBe('accepted');
    expect(await readdir(join(folder, 'quarantine'))).toHaveLength(1);
  });

  it('falls back to the segment before when the newest has no readable beginning', async () => {
    const { bytes } = await writeSample();
    await writeFile(join(folder, segmentName(50)), Buffer.alloc(4096, 0xff));
    const { journal, damaged } = await openJournal();
    expect(damaged).toBe(true);
    expect(summary(journal.state)).toEqual(folded(bytes, 6));
  });

  it('keeps no more than eight quarantined pieces', async () => {
    for (let round = 0; round < 12; round += 1) {
      const { journal } = await openJournal();
      await journal.close();
      const path = await segmentPath();
      const bytes = await readFile(path);
      bytes.write('garbage', 600);
      await writeFile(path, bytes);
    }
    expect((await readdir(join(folder, 'quarantine'))).length).toBeLessThanOrEqual(8);
  });
});

describe('a snapshot', () => {
  it('folds to the state that it was made of', () => {
    const state = emptyState();
    applyEntry(state, { t: 'term', epoch: 2, term: 9 });
    for (let i = 0; i < 130; i += 1) applyEntry(state, { t: 'dropped', key: key(`old-${i}`) });
    for (const id of ['a', 'b', 'c']) applyEntry(state, accepted(id));
    applyEntry(state, running('b', 3));
    applyEntry(state, running('c', 4));
    applyEntry(state, { t: 'ended', result: result('c') });
    const again = emptyState();
    for (const entry of snapshotEntries(state)) applyEntry(again, entry);
    expect(again.recent).toEqual(state.recent);
    expect(again.runs).toEqual(state.runs);
    expect([...again.held].map(([text, { stage }]) => [text, stage])).toEqual(
      [...state.held].map(([text, { stage }]) => [text, stage]),
    );
  });

  it('refuses a record that is too large to be read back', () => {
    expect(() => encodeRecord(Buffer.alloc(70_000))).toThrow(RangeError);
  });
});

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
