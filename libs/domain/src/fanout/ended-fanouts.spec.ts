import {
  command,
  connected,
  fact,
  failed,
  result,
  spec,
  types,
  World,
} from '../tasks-context/scenario.fixture.js';
import { EndedFanouts, newFanoutBook, type EndedFanout, type KeptFanouts } from './index.js';

const budgets = { max_concurrency: { percent: 100 }, max_failures: { percent: 100 } };

/** Of 3 KiB and a little, as they are counted. */
const ended = (id: string, over: Partial<EndedFanout> = {}): EndedFanout => ({
  id,
  tenantId: 't',
  spec: { task: spec({ command: 'x'.repeat(2_048) }), selector: [], ...budgets },
  startedAtMs: 0,
  endedAtMs: 0,
  members: [{ agent_id: 'a', end: 'failed' }],
  keyed: null,
  ...over,
});

const kib = 1024;
const roomy: KeptFanouts = {
  keptMs: 1_000,
  keptBytes: 100 * kib,
  keptBytesOfTenant: 100 * kib,
  keptRejected: 2,
};

function books(bounds: Partial<KeptFanouts> = {}) {
  const memory = new EndedFanouts();
  const [t, u, v] = [newFanoutBook(1), newFanoutBook(2), newFanoutBook(3)];
  const put = (book: typeof t, one: EndedFanout): void => {
    memory.put(book, one);
    memory.forget(book, { ...roomy, ...bounds }, one.endedAtMs);
  };
  const left = (): string[] => [...memory].map(({ id }) => id);
  return { t, u, v, put, left, memory };
}

describe('what is remembered of fan-outs that ended', () => {
  it('is put out by the later ones of the same tenant alone', () => {
    const { t, u, put, left } = books({ keptBytesOfTenant: 8 * kib });
    put(t, ended('t1'));
    for (let i = 1; i <= 4; i++) put(u, ended(`u${i}`));
    expect(left()).toEqual(['t1', 'u3', 'u4']);
    expect([...u.ended.keys()]).toEqual(['u3', 'u4']);
  });

  it('gives way where most is held, once all together are too much', () => {
    const { t, u, v, put, left } = books({ keptBytes: 16 * kib });
    put(t, ended('t1'));
    put(u, ended('u1'));
    for (let i = 1; i <= 5; i++) put(v, ended(`v${i}`));
    expect(left()).toEqual(['t1', 'u1', 'v4', 'v5']);
    put(t, ended('t2'));
    expect(left()).toEqual(['u1', 'v4', 'v5', 't2']);
  });

  it('counts members, and gives their bytes back', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ agent_id: `a${i}`, end: 'failed' as const }));
    const { t, put, left } = books({ keptBytesOfTenant: 11 * kib });
    put(t, ended('t1'));
    put(t, ended('t2', { members: many }));
    expect(left()).toEqual(['t2']);
    put(t, ended('t2'));
    put(t, ended('t3'));
    expect(left()).toEqual(['t2', 't3']);
  });

  it('is nothing at all beyond the bound of one', () => {
    const { t, put, left } = books({ keptBytesOfTenant: kib });
    put(t, ended('t1'));
    expect([left(), t.endedBytes]).toEqual([[], 0]);
  });

  it('has those that were rejected apart, of each tenant the last few', () => {
    const { t, u, put, left } = books();
    put(t, ended('t1'));
    put(t, ended('r1', { spec: null, members: [] }));
    for (let i = 2; i <= 9; i++) put(u, ended(`r${i}`, { spec: null, members: [] }));
    expect(left()).toEqual(['t1', 'r1', 'r8', 'r9']);
    expect([t.ended.size, t.rejected.size, u.ended.size, u.rejected.size]).toEqual([1, 1, 0, 2]);
  });

  it('is over after its time, whoever is the next', () => {
    const { t, u, put, left } = books();
    put(t, ended('t1'));
    put(t, ended('r1', { spec: null, members: [] }));
    put(u, ended('u1', { endedAtMs: 1_000 }));
    expect(left()).toEqual(['t1', 'r1', 'u1']);
    put(u, ended('u2', { endedAtMs: 1_001 }));
    expect(left()).toEqual(['u1', 'u2']);
  });
});

describe('fan-outs of one tenant', () => {
  it('that are rejected put out none that ran, of its own or of another', () => {
    const world = new World().given(fact.tenant('t'), fact.tenant('u'), fact.agent('a1'));
    world.say(connected('a1'));
    const task = spec({ max_attempts: 1 });
    const start = (id: string, key: string, tenantId: string) =>
      world.input(
        command(
          'fanout.start',
          { fanout_id: id, spec: { task, selector: [{ key, op: 'not-exists', values: [] }], ...budgets } },
          tenantId,
        ),
      );
    start('f', 'gone', 't');
    world.say(result('f.0', 'a1', failed));
    for (let i = 0; i < 1_001; i++) for (const tenantId of ['t', 'u']) startNowhere(world, `x${i}`, tenantId);
    expect(world.state.realms.get('u')!.fanouts.rejected.size).toBe(100);
    const text = world.context.serialize(world.state);
    world.state = world.context.deserialize(text)!;
    expect(world.context.serialize(world.state)).toBe(text);
    world.context.resume(world.state, world.nowMs);
    expect(types(start('f', 'gone', 't'))).toEqual(['command.accepted']);
    const again = command('fanout.retry', { fanout_id: 'g', of_fanout_id: 'f', members: ['failed'] });
    expect(world.input(again)[0]).toMatchObject({ type: 'fanout.started', data: { members: ['a1'] } });
  });
});

function startNowhere(world: World, id: string, tenantId: string): void {
  const selector = [{ key: 'none', op: 'exists' as const, values: [] }];
  const data = { fanout_id: id, spec: { task: spec(), selector, ...budgets } };
  expect(types(world.input(command('fanout.start', data, tenantId)))).toEqual(['fanout.rejected']);
}
