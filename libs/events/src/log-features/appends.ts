import { AppendError, type LogRecord } from '../log/index.js';
import {
  APPEND_MS,
  SHORT_MS,
  contents,
  eventually,
  failureOf,
  record,
  records,
  type Scene,
  textOf,
  texts,
} from './scene.js';

export function describeAppends(scene: Scene): void {
  it('answers the base offsets of consecutive appends', async () => {
    expect(await scene.append(...records('a', 'b'))).toBe(0);
    expect(await scene.append(...records('c'))).toBe(2);
    expect(await scene.append(...records('d', 'e', 'f'))).toBe(3);
    expect(await scene.log.offsets(scene.tp)).toEqual({ low: 0, end: 6 });
    expect(await scene.log.offsets({ ...scene.tp, partition: 0 })).toEqual({ low: 0, end: 0 });
  });

  it('keeps a batch together and in order', async () => {
    const words = Array.from({ length: 500 }, (_, i) => `r${i}`);
    const rivals = Array.from({ length: 20 }, () =>
      scene.world.other.append(scene.tp, records('x', 'x'), { timeoutMs: APPEND_MS, concurrent: true }),
    );
    const base = await scene.append(...records(...words));
    await Promise.all(rivals);
    const all = await contents(scene.world.other, scene.tp);
    expect(all.slice(base, base + 500).map(textOf)).toEqual(words);
    expect(all.map((r) => r.offset)).toEqual(all.map((_, i) => i));
  });

  it('brings headers, keys and null values through unchanged', async () => {
    const before = Date.now() - 5_000;
    const sent: LogRecord[] = [
      {
        key: 'clé-ü',
        value: Buffer.from([0, 255, 10, 13]),
        headers: { ce_type: 'task.leased.v1', empty: '', ü: 'ß' },
      },
      { key: null, value: Buffer.alloc(0), headers: {} },
      { key: 'gone', value: null, headers: { a: '1' } },
    ];
    await scene.append(...sent);
    const found = await contents(scene.log, scene.tp);
    expect(found.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual(sent);
    expect(found.every((r) => r.timestampMs > before && r.timestampMs < Date.now() + 5_000)).toBe(true);
  });

  it('calls an append whose acknowledgement was lost unknown, and it is present', async () => {
    await scene.append(...records('a'));
    scene.world.next.lostAck(scene.tp);
    const outcome = failureOf(scene.log.append(scene.tp, records('b'), { timeoutMs: SHORT_MS }));
    expect(await outcome).toBe('unknown');
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a', 'b']);
    await scene.world.heal();
    expect(await scene.append(...records('c'))).toBe(2);
  });

  it('calls an append that timed out unknown, and it may land late', async () => {
    await scene.append(...records('a'));
    const land = scene.world.next.late(scene.tp);
    expect(await failureOf(scene.log.append(scene.tp, records('late'), { timeoutMs: SHORT_MS }))).toBe(
      'unknown',
    );
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a']);
    expect(await scene.world.other.append(scene.tp, records('other'), { timeoutMs: APPEND_MS })).toBe(1);
    land();
    await eventually('the late batch', async () => (await texts(scene.world.other, scene.tp)).length === 3);
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a', 'other', 'late']);
    await scene.world.heal();
    expect(await scene.append(...records('b'))).toBe(3);
  });

  it('calls a leadership error after the append unknown', async () => {
    await scene.append(...records('a'));
    scene.world.next.leadershipAfterAppend(scene.tp);
    expect(await failureOf(scene.append(...records('b')))).toBe('unknown');
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a', 'b']);
    await scene.world.heal();
    expect(await scene.append(...records('c'))).toBe(2);
  });

  it('says not-written only of what is surely absent', async () => {
    await scene.append(...records('a'));
    await scene.world.next.notWritten(scene.tp);
    expect(await failureOf(scene.log.append(scene.tp, records('b'), { timeoutMs: SHORT_MS }))).toBe(
      'not-written',
    );
    await scene.world.heal();
    expect(await scene.append(...records('c'))).toBe(1);
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a', 'c']);
  });

  it('delivers a duplicated batch twice, as the log holds it', async () => {
    await scene.append(...records('a'));
    scene.world.next.duplicate(scene.tp);
    const base = await scene.append(...records('b', 'c'));
    expect([1, 3]).toContain(base);
    await eventually('both copies', async () => (await texts(scene.world.other, scene.tp)).length === 5);
    expect(await texts(scene.world.other, scene.tp)).toEqual(['a', 'b', 'c', 'b', 'c']);
    await scene.world.heal();
    expect(await scene.append(...records('d'))).toBe(5);
  });

  it('shows another writer by a base offset above the expected one', async () => {
    expect(await scene.append(...records('a'))).toBe(0);
    await scene.world.other.append(scene.tp, records('foreign'), { timeoutMs: APPEND_MS });
    expect(await scene.append(...records('b'))).toBe(2);
  });

  it('refuses a second append to a partition while one is in flight', async () => {
    const first = scene.append(...records('a'));
    const second = scene.append(...records('b'));
    await expect(second).rejects.not.toBeInstanceOf(AppendError);
    await expect(second).rejects.toThrow(/in flight/);
    const elsewhere = scene.log.append({ ...scene.tp, partition: 2 }, records('c'), { timeoutMs: APPEND_MS });
    expect(await Promise.all([first, elsewhere])).toEqual([0, 0]);
    expect(await texts(scene.log, scene.tp)).toEqual(['a']);
  });

  it('gathers concurrent appends, and each caller learns its own offset', async () => {
    const callers = Array.from({ length: 200 }, (_, i) =>
      records(...[`${i}/0`, `${i}/1`].slice(0, 1 + (i % 2))),
    );
    const bases = await Promise.all(
      callers.map((batch) => scene.log.append(scene.tp, batch, { timeoutMs: APPEND_MS, concurrent: true })),
    );
    const all = await texts(scene.log, scene.tp);
    expect(all).toHaveLength(300);
    callers.forEach((batch, i) => {
      const own = all.slice(bases[i], bases[i]! + batch.length);
      expect(own).toEqual(batch.map(({ value }) => String(value)));
    });
  });

  it('tells every caller of a gathered batch when its outcome is unknown', async () => {
    const options = { timeoutMs: SHORT_MS, concurrent: true };
    await scene.log.append(scene.tp, records('first'), options);
    scene.world.next.lostAck(scene.tp);
    expect(await failureOf(scene.log.append(scene.tp, records('a'), options))).toBe('unknown');
    expect(await texts(scene.world.other, scene.tp)).toEqual(['first', 'a']);
  });

  it('refuses for good what can never be written', async () => {
    expect(await failureOf(scene.append(record('x'.repeat(3_000_000))))).toBe('fatal');
    const nowhere = { topic: `${scene.tp.topic}-none`, partition: 0 };
    expect(await failureOf(scene.log.append(nowhere, records('a'), { timeoutMs: APPEND_MS }))).toBe('fatal');
    const beyond = { ...scene.tp, partition: 99 };
    expect(await failureOf(scene.log.append(beyond, records('a'), { timeoutMs: APPEND_MS }))).toBe('fatal');
    expect((await scene.log.offsets(scene.tp)).end).toBe(0);
  });
}
