import { Check, CheckOutcome, type CheckResult, OutputStream } from '@fluxforge/agent-protocol';
import { type Ending, type Execution, type Executor, type Job } from '../executors/index.js';
import { CheckQueue, defaultCheckSettings } from './check-queue.js';
import { Tail } from './tail.js';

/** Runs nothing: a test says when and how each job ends. */
class HeldExecutor implements Executor {
  readonly name = 'held';
  readonly jobs: { job: Job; end: (ending: Ending) => void }[] = [];

  problemWith(): string | undefined {
    return undefined;
  }

  run(job: Job): Execution {
    let end!: (ending: Ending) => void;
    const ended = new Promise<Ending>((resolve) => (end = resolve));
    this.jobs.push({ job, end });
    return { process: undefined, ended, stop: () => (end({ kind: 'signalled', signal: 'SIGTERM' }), true) };
  }
}

const queues: CheckQueue[] = [];

function setUp(change = {}): { executor: HeldExecutor; queue: CheckQueue; results: CheckResult[] } {
  const executor = new HeldExecutor();
  const results: CheckResult[] = [];
  const settings = { ...defaultCheckSettings, concurrency: 1, maxWaiting: 2, ...change };
  const queue = new CheckQueue(executor, {}, (result) => results.push(result), settings);
  queues.push(queue);
  return { executor, queue, results };
}

// A check that is left running would keep its timer.
afterEach(() => queues.splice(0).forEach((queue) => queue.drain()));

const check = (stateId: string, round = 1): Check => Check.fromPartial({ stateId, generation: 1, round });
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the queue of checks', () => {
  it('runs a bounded number at a time, in order', async () => {
    const { executor, queue, results } = setUp();
    queue.add(check('a'));
    queue.add(check('b'));
    expect(executor.jobs).toHaveLength(1);
    executor.jobs[0]?.end({ kind: 'exited', exitCode: 0 });
    await settle();
    expect(executor.jobs).toHaveLength(2);
    expect(results.map(({ stateId }) => stateId)).toEqual(['a']);
  });

  it('refuses what does not fit', () => {
    const { queue, results } = setUp();
    for (const id of ['a', 'b', 'c', 'd']) queue.add(check(id));
    expect(results).toMatchObject([{ stateId: 'd', outcome: CheckOutcome.REFUSED, error: 'queue full' }]);
  });

  it('drops a duplicate, and lets a newer round replace one that waits', async () => {
    const { executor, queue, results } = setUp();
    queue.add(check('a'));
    queue.add(check('a'));
    queue.add(check('b', 1));
    queue.add(check('b', 2));
    expect(queue.waitingCount()).toBe(1);
    executor.jobs[0]?.end({ kind: 'exited', exitCode: 1 });
    await settle();
    executor.jobs[1]?.end({ kind: 'exited', exitCode: 0 });
    await settle();
    expect(results.map(({ stateId, round }) => [stateId, round])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('answers a timeout as a timeout, whatever the command then said', async () => {
    const { queue, results } = setUp({ defaultTimeoutMs: 5 });
    queue.add(check('a'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(results).toMatchObject([{ outcome: CheckOutcome.TIMED_OUT }]);
  });

  it('stops what runs and takes nothing more when the agent stops', async () => {
    const { queue, results } = setUp();
    queue.add(check('a'));
    queue.add(check('b'));
    queue.drain();
    queue.add(check('c'));
    await settle();
    expect(results.map(({ stateId, outcome }) => [stateId, outcome])).toEqual([
      ['c', CheckOutcome.REFUSED],
      ['a', CheckOutcome.SIGNALLED],
    ]);
  });

  it('sends the last bytes of the output', async () => {
    const { executor, queue, results } = setUp();
    queue.add(check('a'));
    executor.jobs[0]?.job.onOutput(OutputStream.STDOUT, Buffer.alloc(10_000, 'x'), () => undefined);
    executor.jobs[0]?.job.onOutput(OutputStream.STDERR, Buffer.from('end'), () => undefined);
    executor.jobs[0]?.end({ kind: 'exited', exitCode: 2 });
    await settle();
    expect(results[0]?.outputTail).toHaveLength(4096);
    expect(results[0]?.outputTail.subarray(-3).toString()).toBe('end');
  });
});

describe('the tail', () => {
  it('is the end of everything, in bounded memory', () => {
    const tail = new Tail(10);
    for (let i = 0; i < 1000; i += 1) tail.add(Buffer.from(`${i},`));
    expect(tail.value().toString()).toBe('7,998,999,');
  });
});
