import { createLogger, runProcess } from './index.js';

/** `process.exit` and signals are the thing under test, so they are taken over for one test each. */
function harness(stop: () => Promise<void>, start: () => Promise<Record<string, unknown>>) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) };
  const handlers = new Map<string, (arg: unknown) => void>();
  let exited: (code: number) => void = () => {};
  const exit = new Promise<number>((resolve) => (exited = resolve));
  jest.spyOn(process, 'on').mockImplementation((event: string | symbol, handler: (arg: unknown) => void) => {
    handlers.set(String(event), handler);
    return process;
  });
  jest.spyOn(process, 'exit').mockImplementation((code) => {
    exited(Number(code));
    return undefined as never;
  });
  const logger = createLogger({ process: 'test', level: 'info', destination });
  runProcess({ name: 'test', logger, start, stop, stopDeadlineMs: 50 });
  return { exit, lines, send: (event: string, arg: unknown = event) => handlers.get(event)?.(arg) };
}

afterEach(() => jest.restoreAllMocks());
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('runProcess', () => {
  it('says ready, then stops cleanly on a signal', async () => {
    const h = harness(
      async () => {},
      async () => ({ ops: '127.0.0.1:1' }),
    );
    await turn();
    h.send('SIGTERM');
    expect(await h.exit).toBe(0);
    expect(h.lines).toEqual(['ready', 'stopping', 'stopped']);
  });

  it('exits 1 when the start fails', async () => {
    const h = harness(
      async () => {},
      () => Promise.reject(new Error('no broker')),
    );
    expect(await h.exit).toBe(1);
    expect(h.lines).toEqual(['start failed']);
  });

  it('exits 1 when the stop hangs', async () => {
    const h = harness(
      () => new Promise(() => {}),
      async () => ({}),
    );
    await turn();
    h.send('SIGINT');
    expect(await h.exit).toBe(1);
    expect(h.lines).toContain('stop did not end in time');
  });

  it('exits 1 on a rejection that nobody handled', async () => {
    const h = harness(
      async () => {},
      async () => ({}),
    );
    h.send('unhandledRejection', new Error('lost'));
    expect(await h.exit).toBe(1);
    expect(h.lines).toContain('unhandled rejection');
  });

  it('stops also while it starts, and says no ready', async () => {
    let started: () => void = () => {};
    const h = harness(
      async () => started(),
      () => new Promise((resolve) => (started = () => resolve({}))),
    );
    h.send('SIGTERM');
    expect(await h.exit).toBe(0);
    expect(h.lines).toEqual(['stopping', 'stopped']);
  });
});
