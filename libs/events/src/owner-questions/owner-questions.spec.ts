import {
  askOwner,
  NotLedHere,
  questionLimitBytes,
  startQuestionServer,
  TooManyQuestions,
  type QuestionServer,
} from './index.js';

const signingKey = 'k'.repeat(32);
const question = { kind: 'explain-task', tenant_id: 't', task_id: 'x' } as const;

describe('questions to the owner of a partition', () => {
  let server: QuestionServer;
  const failed: unknown[] = [];
  let answer: () => Promise<unknown> = () => Promise.resolve(null);

  beforeAll(async () => {
    const address = { host: '127.0.0.1', port: 0 };
    server = await startQuestionServer({
      address,
      signingKey,
      answer: () => answer(),
      onError: (error) => failed.push(error),
    });
  });
  afterAll(() => server.close());

  const ask = (over: Partial<Parameters<typeof askOwner>[0]> = {}, what: object = question) =>
    askOwner({ address: server.address, signingKey, timeoutMs: 2_000, ...over }, what as typeof question);

  it('are answered', async () => {
    answer = () => Promise.resolve({ phase: 'queued' });
    await expect(ask()).resolves.toEqual({ phase: 'queued' });
  });

  it('are not answered to who has not the key, nor when they are none', async () => {
    await expect(ask({ signingKey: 'x'.repeat(32) })).rejects.toMatchObject({ why: 'refused' });
    await expect(ask({}, { kind: 'explain-task', tenant_id: 't' })).rejects.toMatchObject({ why: 'refused' });
  });

  it('are not asked when they are larger than any owner reads', async () => {
    const long = (bytes: number) => {
      const rest = JSON.stringify({ ...question, task_id: '' }).length;
      return ask({}, { ...question, task_id: 'x'.repeat(bytes - rest) });
    };
    await expect(long(questionLimitBytes + 1)).rejects.toMatchObject({ why: 'too_large' });
    // Read, and then refused for its id.
    await expect(long(questionLimitBytes)).rejects.toMatchObject({ why: 'refused' });
  });

  it('that fail are told to who runs the server, and to who asked only that', async () => {
    const flaw = new Error('a bug');
    answer = () => Promise.reject(flaw);
    await expect(ask()).rejects.toMatchObject({ why: 'refused' });
    expect(failed).toEqual([flaw]);
  });

  it('say that the partition moved on', async () => {
    answer = () => Promise.reject(new NotLedHere());
    await expect(ask()).rejects.toMatchObject({ why: 'not_led_there' });
  });

  it('that are too many are told apart: they may be asked again', async () => {
    answer = () => Promise.reject(new TooManyQuestions());
    const told = failed.length;
    await expect(ask()).rejects.toMatchObject({ why: 'busy' });
    expect(failed).toHaveLength(told);
  });

  it('end at their deadline, and at once when nobody is there', async () => {
    answer = () => new Promise(() => undefined);
    await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({ why: 'unreachable' });
    await expect(ask({ address: '127.0.0.1:1' })).rejects.toMatchObject({ why: 'unreachable' });
  });
});
