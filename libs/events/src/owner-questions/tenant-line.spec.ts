import { TenantLine } from './tenant-line.js';
import { TooManyQuestions } from './turns.js';

const waitMs = 10_000;

/** Answers that end when they are told to; `order` is the order of their turns. */
function world(settings: { mostOfTenant?: number; most?: number; waitMs?: number } = {}) {
  const line = new TenantLine({ waitMs, ...settings });
  const order: string[] = [];
  let end = () => undefined as void;
  let underWay = 0;
  const ask = (tenantId: string): Promise<string> =>
    line.take(tenantId, async () => {
      underWay += 1;
      expect(underWay).toBe(1);
      order.push(tenantId);
      await new Promise<void>((resolve) => (end = resolve));
      underWay -= 1;
      return tenantId;
    });
  const next = async () => {
    end();
    // Longer than it takes to pass a turn on.
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  const finish = async (asked: readonly Promise<unknown>[]) => {
    let left = asked.length;
    for (const one of asked) void one.then(() => (left -= 1));
    for (let i = 0; left > 0 && i < 100; i++) await next();
    await Promise.all(asked);
  };
  return { line, ask, end: () => end(), next, finish, order };
}

const refused = (asked: Promise<unknown>) => expect(asked).rejects.toBeInstanceOf(TooManyQuestions);

describe('a line of tenants', () => {
  it('gives one turn at a time, each tenant one before any has its second', async () => {
    const { ask, finish, order } = world();
    const asked = ['loud', 'loud', 'loud', 'quiet', 'other'].map(ask);
    expect(order).toEqual(['loud']);
    await finish(asked);
    expect(order).toEqual(['loud', 'quiet', 'other', 'loud', 'loud']);
    await finish([ask('loud')]);
  });

  it('lets nobody wait behind more than one turn of each other, however often those ask', async () => {
    const { ask, next, order } = world();
    const loud = ['a', 'b', 'c'];
    const failed: unknown[] = [];
    const forEver = async (tenantId: string) => {
      for (;;)
        await ask(tenantId).catch((error: unknown) => {
          if (!(error instanceof TooManyQuestions)) failed.push(error);
        });
    };
    for (const tenantId of [...loud, ...loud]) void forEver(tenantId);
    for (let i = 0; i < 10; i++) await next();
    let done = 0;
    void ask('quiet').then(() => (done += 1));
    for (let i = 0; i < loud.length + 1; i++) await next();
    expect(done).toBe(1);
    // Who has just been served comes behind the others again.
    void ask('quiet').then(() => (done += 1));
    for (let i = 0; i < loud.length + 1; i++) await next();
    expect(done).toBe(2);
    expect(new Set(order.slice(0, 9)).size).toBe(loud.length);
    expect(failed).toEqual([]);
  });

  it('refuses who waits with too many already, and when it is full the one that comes last', async () => {
    const { ask, finish, order } = world({ mostOfTenant: 2, most: 3 });
    const asked = [ask('loud'), ask('loud'), ask('loud')];
    await refused(ask('loud'));
    asked.push(ask('quiet'));
    // The second of the loud one gives its place.
    const late = asked.splice(2, 1)[0]!;
    asked.push(ask('other'));
    await refused(late);
    // All that wait come before it.
    await refused(ask('loud'));
    await finish(asked);
    expect(order).toEqual(['loud', 'quiet', 'other', 'loud']);
  });

  it('refuses who has waited too long, and goes on', async () => {
    const { ask, finish, order } = world({ waitMs: 5 });
    const first = ask('a');
    await refused(ask('b'));
    await finish([first]);
    await finish([ask('b')]);
    expect(order).toEqual(['a', 'b']);
  });

  it('lets nobody in between the end of one turn and the next', async () => {
    const { ask, end, finish, order } = world({ mostOfTenant: 20 });
    const asked = [ask('a'), ask('b')];
    end();
    for (let i = 0; i < 8; i++) {
      asked.push(ask('late'));
      await Promise.resolve();
    }
    await finish(asked);
    expect(order.slice(0, 3)).toEqual(['a', 'b', 'late']);
  });

  it('passes the turn on when an answer fails', async () => {
    const { line } = world();
    const failed = line.take('a', () => Promise.reject(new Error('no')));
    const after = line.take('b', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    await expect(after).resolves.toBe('yes');
    await expect(line.take('a', async () => 'again')).resolves.toBe('again');
  });
});
