import { type ReadError, type RecordBatch, type StoredRecord, type TopicPartition } from '../log/index.js';
import { APPEND_MS, SHORT_MS, eventually, failureOf, record, records, type Scene, textOf } from './scene.js';

/** What a tail brought, by partition number. */
class Seen {
  readonly batches: { partition: number; batch: RecordBatch }[] = [];
  readonly errors: { partition: number; error: ReadError }[] = [];
  busy = 0;
  maxBusy = 0;

  constructor(private readonly handle: (partition: number, batch: RecordBatch) => unknown = () => {}) {}

  readonly onBatch = async (tp: TopicPartition, batch: RecordBatch): Promise<void> => {
    this.batches.push({ partition: tp.partition, batch });
    this.busy += 1;
    this.maxBusy = Math.max(this.maxBusy, this.busy);
    await this.handle(tp.partition, batch);
    this.busy -= 1;
  };

  readonly onError = (tp: TopicPartition, error: ReadError): void => {
    this.errors.push({ partition: tp.partition, error });
  };

  records(partition: number): StoredRecord[] {
    return this.batches.filter((b) => b.partition === partition).flatMap(({ batch }) => batch.records);
  }

  texts(partition: number): string[] {
    return this.records(partition).map(textOf);
  }

  failures(partition: number): string[] {
    return this.errors.filter((e) => e.partition === partition).map(({ error }) => error.failure);
  }
}

export function describeTails(scene: Scene): void {
  it('follows from an offset, through everything that comes, without a gap', async () => {
    await scene.append(...records('0', '1', '2'));
    const seen = new Seen();
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 1);
    await eventually('what was there', () => seen.texts(1).length === 2);
    for (let i = 3; i < 20; i += 1) await scene.append(record(String(i)));
    await eventually('what came', () => seen.texts(1).length === 19);
    expect(seen.records(1).map((r) => r.offset)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
    expect(seen.batches.at(-1)!.batch).toMatchObject({ next: 20, end: 20 });
    await tail.close();
  });

  it('delivers soon after the append', async () => {
    const seen = new Seen();
    const tail = scene.log.tail(seen);
    for (let partition = 0; partition < 4; partition += 1) tail.follow({ ...scene.tp, partition }, 0);
    const tookMs: number[] = [];
    for (let i = 0; i < 60; i += 1) {
      const startedMs = performance.now();
      await scene.append(record(String(i)));
      while (seen.texts(1).length <= i) await new Promise((resolve) => setImmediate(resolve));
      tookMs.push(performance.now() - startedMs);
    }
    expect(tookMs.sort((a, b) => a - b)[30]).toBeLessThan(25);
    await tail.close();
  });

  it('does not let a slow partition hold up another', async () => {
    let release = () => {};
    const stuck = new Promise<void>((resolve) => (release = resolve));
    const seen = new Seen((partition) => (partition === 0 ? stuck : undefined));
    const tail = scene.log.tail(seen);
    const slow = { ...scene.tp, partition: 0 };
    tail.follow(slow, 0);
    tail.follow(scene.tp, 0);
    await scene.log.append(slow, records('s0'), { timeoutMs: APPEND_MS });
    await eventually('the slow one is busy', () => seen.busy === 1);
    for (let i = 0; i < 10; i += 1) {
      await scene.log.append(slow, records(`s${i + 1}`), { timeoutMs: APPEND_MS });
      await scene.append(record(String(i)));
      await eventually('the other goes on', () => seen.texts(1).length === i + 1, 400);
    }
    expect(seen.texts(0)).toEqual(['s0']);
    release();
    await eventually('the slow one goes on', () => seen.texts(0).length === 11);
    await tail.close();
  });

  it('bounds what waits for a slow consumer', async () => {
    let release = () => {};
    const stuck = new Promise<void>((resolve) => (release = resolve));
    const seen = new Seen((partition) => (partition === 1 ? stuck : undefined));
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 0);
    tail.follow({ ...scene.tp, partition: 2 }, 0);
    const before = scene.world.deliveredBytes();
    for (let i = 0; i < 160; i += 1)
      await scene.world.other.append(scene.tp, [record('x'.repeat(60_000))], { timeoutMs: APPEND_MS });
    await scene.world.other.append({ ...scene.tp, partition: 2 }, records('end'), { timeoutMs: APPEND_MS });
    await eventually('the rest is served', () => seen.texts(2).length === 1);
    expect(seen.batches.filter((b) => b.partition === 1)).toHaveLength(1);
    expect(scene.world.deliveredBytes() - before).toBeLessThan(3_000_000);
    release();
    await eventually('everything arrives', () => seen.records(1).length === 160);
    expect(seen.records(1).map((r) => r.offset)).toEqual(Array.from({ length: 160 }, (_, i) => i));
    await tail.close();
  });

  it('moves to another offset at once, and stops when told', async () => {
    await scene.append(...records('0', '1', '2'));
    const seen = new Seen();
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 3);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const startedMs = performance.now();
    tail.follow(scene.tp, 1);
    await eventually('the records from there', () => seen.texts(1).length === 2);
    expect(performance.now() - startedMs).toBeLessThan(400);
    tail.unfollow(scene.tp);
    tail.follow({ ...scene.tp, partition: 2 }, 0);
    await scene.append(record('unseen'));
    await scene.log.append({ ...scene.tp, partition: 2 }, records('seen'), { timeoutMs: APPEND_MS });
    await eventually('the other partition', () => seen.texts(2).length === 1);
    expect(seen.texts(1)).toEqual(['1', '2']);
    await tail.close();
  });

  it('hands a partition over one batch at a time, also across a move', async () => {
    const seen = new Seen(() => new Promise((resolve) => setTimeout(resolve, 10)));
    const tail = scene.log.tail(seen);
    await scene.append(...records('0', '1'));
    for (let i = 0; i < 5; i += 1) {
      tail.follow(scene.tp, i % 2);
      await scene.append(record('more'));
      tail.unfollow(scene.tp);
      tail.follow(scene.tp, 0);
      await eventually('a batch', () => seen.busy > 0);
    }
    await eventually('quiet', () => seen.busy === 0 && seen.records(1).at(-1)!.offset === 6);
    expect(seen.maxBusy).toBe(1);
    await tail.close();
  });

  it('reports a truncated log and never skips', async () => {
    await scene.append(...records('0', '1', '2'));
    const seen = new Seen();
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 3);
    await scene.world.truncate(scene.tp.topic);
    await eventually('the report', () => seen.failures(1).includes('out-of-range'));
    await scene.world.other.append(scene.tp, records('new'), { timeoutMs: APPEND_MS });
    tail.follow({ ...scene.tp, partition: 2 }, 7);
    await eventually('the other report', () => seen.failures(2).includes('out-of-range'));
    expect(seen.batches).toEqual([]);
    tail.follow(scene.tp, 0);
    await eventually('a new start', () => seen.texts(1).includes('new'));
    await tail.close();
  });

  it('ends a partition whose handler fails, and leaves the others alone', async () => {
    const seen = new Seen((partition) => {
      if (partition === 1) throw new Error('the handler is broken');
    });
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 0);
    tail.follow({ ...scene.tp, partition: 2 }, 0);
    await scene.append(...records('a'));
    await eventually('the report', () => seen.failures(1).includes('fatal'));
    await scene.log.append({ ...scene.tp, partition: 2 }, records('b'), { timeoutMs: APPEND_MS });
    await eventually('the other partition', () => seen.texts(2).length === 1);
    await tail.close();
  });

  it('goes on where it was when the log comes back', async () => {
    const seen = new Seen();
    const tail = scene.log.tail(seen);
    tail.follow(scene.tp, 0);
    await scene.append(...records('0', '1'));
    await eventually('the first ones', () => seen.texts(1).length === 2);
    scene.world.outage();
    await eventually('the report', () => seen.failures(1).includes('unavailable'));
    expect(await failureOf(scene.log.append(scene.tp, records('lost'), { timeoutMs: SHORT_MS }))).toBe(
      'not-written',
    );
    await scene.world.heal();
    expect(await scene.append(...records('2'))).toBe(2);
    await eventually('the next one', () => seen.texts(1).length === 3);
    expect(seen.texts(1)).toEqual(['0', '1', '2']);
    expect(seen.failures(1).every((failure) => failure === 'unavailable')).toBe(true);
    await tail.close();
  });
}
