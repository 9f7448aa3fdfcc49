import { ReadError, type LogPort, type PartitionOffsets, type TailHandlers } from '@fluxforge/events/log';
import { EndTail } from './index.js';

const topic = 'reports';
const tp = { topic, partition: 1 };
const retryMs = 1_000;

/** A log whose ends cannot always be learned, and whose tail is told by hand what has happened. */
class Scene {
  readonly delayed: number[] = [];
  readonly from: number[] = [];
  readonly batches: string[] = [];
  failing = false;
  end = 7;
  private handlers!: TailHandlers;
  readonly tail: EndTail;

  constructor() {
    const log: Pick<LogPort, 'offsets' | 'tail'> = {
      offsets: async (): Promise<PartitionOffsets> => {
        if (this.failing) throw new ReadError('unavailable', 'no answer');
        return { low: 0, end: this.end };
      },
      tail: (handlers) => {
        this.handlers = handlers;
        const unfollow = () => undefined;
        return { follow: (_, from) => void this.from.push(from), unfollow, close: async () => undefined };
      },
    };
    this.tail = new EndTail(log as LogPort, topic, {
      onBatch: (partition, { next }) => void this.batches.push(`${partition} ${next}`),
      onDelayed: (partition) => void this.delayed.push(partition),
    });
  }

  overtaken(): void {
    this.handlers.onError(tp, new ReadError('out-of-range', 'trimmed'));
  }

  tell(next: number): void {
    void this.handlers.onBatch(tp, { records: [], next, end: next });
  }
}

describe('a topic that is followed from its end', () => {
  let scene: Scene;
  beforeEach(() => {
    jest.useFakeTimers();
    scene = new Scene();
  });
  afterEach(() => jest.useRealTimers());
  const wait = () => jest.advanceTimersByTimeAsync(retryMs);

  it('begins at the end, and goes on from there when it was overtaken', async () => {
    scene.tail.follow(1);
    await wait();
    scene.tell(8);
    scene.end = 30;
    scene.overtaken();
    await wait();
    expect([scene.from, scene.batches]).toEqual([[7, 30], ['1 8']]);
  });

  it('tries again for as long as the end cannot be learned, also after it was overtaken', async () => {
    scene.failing = true;
    scene.tail.follow(1);
    await wait();
    await wait();
    expect([scene.from, scene.delayed.length]).toEqual([[], 3]);
    scene.failing = false;
    await wait();
    expect(scene.from).toEqual([7]);
    scene.failing = true;
    scene.overtaken();
    await wait();
    scene.failing = false;
    await wait();
    expect(scene.from).toEqual([7, 7]);
  });

  it('begins nothing for a partition that is followed no more, and once for one that is again', async () => {
    scene.failing = true;
    scene.tail.follow(1);
    await jest.advanceTimersByTimeAsync(0);
    scene.tail.unfollow(1);
    scene.failing = false;
    await wait();
    scene.overtaken();
    await wait();
    expect(scene.from).toEqual([]);
    scene.failing = true;
    scene.tail.follow(1);
    await jest.advanceTimersByTimeAsync(0);
    scene.tail.unfollow(1);
    scene.failing = false;
    scene.tail.follow(1);
    await wait();
    expect(scene.from).toEqual([7]);
    await scene.tail.close();
  });
});
