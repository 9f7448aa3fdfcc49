import { TooManyQuestions, Turns } from './turns.js';

/** A clock that moves by what an answer takes, and nothing else. */
function world(mostWaiting = 10) {
  let nowMs = 0;
  const turns = new Turns(mostWaiting, () => nowMs);
  const order: number[] = [];
  const ask = (name: number, costMs: number) =>
    turns.take(() => {
      nowMs += costMs;
      order.push(name);
      return Promise.resolve(name);
    });
  const slice = (name: number, costMs: number) =>
    turns.slice(() => {
      nowMs += costMs;
      order.push(name);
    });
  return { ask, slice, order };
}

describe('turns of questions', () => {
  it('come in order, each with its own answer', async () => {
    const { ask, order } = world();
    await expect(Promise.all([ask(1, 0), ask(2, 0), ask(3, 0)])).resolves.toEqual([1, 2, 3]);
    expect(order).toEqual([1, 2, 3]);
  });

  it('leave the thread four times what an answer took', async () => {
    const { ask } = world();
    const fromMs = performance.now();
    await Promise.all([ask(1, 25), ask(2, 0)]);
    // Timers may be early by a fraction of a millisecond.
    expect(performance.now() - fromMs).toBeGreaterThan(95);
  });

  it('leave as much for each slice of an answer, whichever comes next', async () => {
    const { ask, slice, order } = world(1);
    const fromMs = performance.now();
    await Promise.all([ask(1, 0), slice(2, 25), slice(3, 25), slice(4, 0)]);
    expect(performance.now() - fromMs).toBeGreaterThan(195);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it('are refused beyond a bound, and given again when there is room', async () => {
    const { ask } = world(2);
    const [first, second, third] = [ask(1, 0), ask(2, 0), ask(3, 0)];
    await expect(third).rejects.toBeInstanceOf(TooManyQuestions);
    await Promise.all([first, second]);
    await expect(ask(4, 0)).resolves.toBe(4);
  });

  it('are refused while as many slices wait, which are not', async () => {
    const { ask, slice, order } = world(2);
    const slices = [slice(1, 0), slice(2, 0), slice(3, 0)];
    await expect(ask(4, 0)).rejects.toBeInstanceOf(TooManyQuestions);
    await Promise.all(slices);
    expect(order).toEqual([1, 2, 3]);
  });

  it('go on after an answer that fails, and do not wait for one that takes its time', async () => {
    const turns = new Turns(10);
    await expect(turns.take(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const atOnce = (): Promise<never> => {
      throw new Error('at once');
    };
    await expect(turns.take(atOnce)).rejects.toThrow('at once');
    void turns.take(() => new Promise(() => undefined));
    await expect(turns.take(() => Promise.resolve('yes'))).resolves.toBe('yes');
  });
});
