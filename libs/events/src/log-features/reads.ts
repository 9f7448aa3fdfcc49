import { APPEND_MS, contents, eventually, record, records, type Scene, textOf } from './scene.js';

export function describeReads(scene: Scene): void {
  const read = (from: number, maxBytes = 1_000_000) =>
    scene.log.read(scene.tp, from, { maxBytes, timeoutMs: APPEND_MS });

  it('reads a range in steps, at least one record each, and at once when there is nothing', async () => {
    for (const text of ['a', 'b', 'c']) await scene.append(record(text.repeat(2_000)));
    const first = await read(0, 10);
    expect(first).toMatchObject({ next: 1, end: 3, records: [{ offset: 0 }] });
    expect((await read(1)).records.map((r) => r.offset)).toEqual([1, 2]);
    expect(await read(3)).toEqual({ records: [], next: 3, end: 3 });
  });

  it('finds offsets by append time', async () => {
    await scene.append(...records('a'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await scene.append(...records('b'));
    const { timestampMs } = (await contents(scene.log, scene.tp))[1]!;
    expect(await scene.log.offsetAt(scene.tp, 0)).toBe(0);
    expect(await scene.log.offsetAt(scene.tp, timestampMs)).toBe(1);
    expect(await scene.log.offsetAt(scene.tp, timestampMs + 3_600_000)).toBe(2);
  });

  it('reports reads outside the log', async () => {
    await scene.append(...records('a', 'b', 'c'));
    await expect(read(4)).rejects.toMatchObject({ name: 'ReadError', failure: 'out-of-range' });
    await scene.log.trim(scene.tp, 2);
    await expect(read(1)).rejects.toMatchObject({ failure: 'out-of-range' });
    expect((await read(2)).records.map(textOf)).toEqual(['c']);
    expect(await scene.log.offsets(scene.tp)).toEqual({ low: 2, end: 3 });
  });

  it('trims what lies below an offset, of one partition, and never more than there is', async () => {
    const elsewhere = { ...scene.tp, partition: 2 };
    await scene.append(...records('a', 'b', 'c', 'd'));
    await scene.log.append(elsewhere, records('x'), { timeoutMs: APPEND_MS });
    expect(await scene.log.trim(scene.tp, 3)).toBe(3);
    expect(await scene.log.trim(scene.tp, 1)).toBe(3);
    await expect(scene.log.trim(scene.tp, 5)).rejects.toMatchObject({ failure: 'out-of-range' });
    expect(await scene.log.offsets(scene.tp)).toEqual({ low: 3, end: 4 });
    expect(await scene.log.offsets(elsewhere)).toEqual({ low: 0, end: 1 });
    expect(await scene.log.trim(scene.tp, 4)).toBe(4);
    expect(await scene.append(...records('e'))).toBe(4);
    expect((await read(4)).records.map(textOf)).toEqual(['e']);
  });

  it('tells whoever follows from below the first offset, and skips nothing', async () => {
    await scene.append(...records('a', 'b', 'c'));
    await scene.log.trim(scene.tp, 2);
    const seen: string[] = [];
    const failures: string[] = [];
    const tail = scene.log.tail({
      onBatch: (_tp, batch) => void seen.push(...batch.records.map(textOf)),
      onError: (_tp, error) => void failures.push(error.failure),
    });
    tail.follow(scene.tp, 1);
    await eventually('the failure', () => failures.length > 0);
    await tail.close();
    expect(failures).toEqual(['out-of-range']);
    expect(seen).toEqual([]);
  });

  it('knows the topics and their settings', async () => {
    const spec = { topic: scene.tp.topic, partitions: 4, replication: 1, config: {} };
    await scene.log.ensureTopics([spec]);
    await expect(scene.log.ensureTopics([{ ...spec, partitions: 5 }])).rejects.toThrow(/4 partitions, not 5/);
    const settings = await scene.log.topicSettings(scene.tp.topic);
    expect(settings).toMatchObject({ partitions: 4, replication: 1 });
    expect(settings.config['message.timestamp.type']).toBe('LogAppendTime');
  });
}
