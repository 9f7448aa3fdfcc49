import { type FanoutSpec } from '@fluxforge/events/catalogue';
import {
  command,
  connected,
  fact,
  failed,
  hash,
  result,
  spec as taskSpec,
  types,
  World,
} from '../tasks-context/scenario.fixture.js';
import { keyWindowMs } from '../task/index.js';

const spec: FanoutSpec = {
  task: taskSpec({ max_attempts: 1 }),
  selector: [],
  max_concurrency: { percent: 100 },
  max_failures: { percent: 100 },
};
const nobody = { ...spec, selector: [{ key: 'none', op: 'exists' as const, values: [] }] };
const keyed = (body: string) => ({ key_hash: hash('1'), body_hash: hash(body) });

const start = (body: string, said = spec) =>
  command('fanout.start', { fanout_id: 'f', spec: said, keyed: keyed(body) });
const retry = (body: string) =>
  command('fanout.retry', { fanout_id: 'f', of_fanout_id: 'e', members: ['failed'], keyed: keyed(body) });
const reused = { type: 'command.rejected', data: { code: 'idempotency_key_reused' } };

function world(): World {
  const made = new World().given(fact.tenant(), fact.tenant('u'), fact.agent('a1'));
  made.say(connected('a1'));
  return made;
}

/** So many that none of what was before them is remembered but by its key. */
function forget(one: World): void {
  const { endedFanouts, realms } = one.state;
  for (const tenantId of ['t', 'u']) {
    const book = realms.get(tenantId)!.fanouts;
    for (const id of [...book.ended.keys(), ...book.rejected.keys()]) endedFanouts.drop(book, id);
  }
}

function restored(one: World): void {
  const text = one.context.serialize(one.state);
  one.state = one.context.deserialize(text)!;
  expect(one.context.serialize(one.state)).toBe(text);
  one.context.resume(one.state, one.nowMs);
  one.say(connected('a1'));
}

describe('an idempotency key', () => {
  it('names one fan-out while it lives, and no other body', () => {
    const one = world();
    expect(one.input(start('b'))[0]).toMatchObject({ type: 'fanout.started', data: { keyed: keyed('b') } });
    restored(one);
    expect(types(one.input(start('b')))).toEqual(['command.accepted']);
    expect(one.input(start('d'))).toMatchObject([reused]);
    expect(one.input(retry('d'))).toMatchObject([reused]);
  });

  it('names it while it is remembered, also beyond the window', () => {
    const one = world();
    one.input(start('b'));
    one.say(result('f.0', 'a1', failed));
    one.nowMs += keyWindowMs + 3_600_000;
    restored(one);
    expect(types(one.input(start('b')))).toEqual(['command.accepted']);
    expect(one.input(start('d'))).toMatchObject([reused]);
  });

  it('names it for a day when all else of it is forgotten, and is free after that', () => {
    const one = world();
    one.input(start('b'));
    one.say(result('f.0', 'a1', failed));
    forget(one);
    one.nowMs += keyWindowMs;
    restored(one);
    expect(types(one.input(start('b')))).toEqual(['command.accepted']);
    expect(one.input(start('d'))).toMatchObject([reused]);
    one.nowMs += 3_600_000;
    expect(one.input(start('d'))[0]).toMatchObject({ type: 'fanout.started' });
  });

  it('names one that was rejected', () => {
    const one = world();
    expect(one.input(start('b', nobody))).toMatchObject([
      { type: 'fanout.rejected', data: { keyed: keyed('b') } },
    ]);
    const told = (): void => {
      expect(types(one.input(start('b', nobody)))).toEqual(['command.accepted']);
      expect(one.input(start('d'))).toMatchObject([reused]);
    };
    told();
    forget(one);
    restored(one);
    told();
  });

  it('names a retry, which is not repeated once it has ended and is forgotten', () => {
    const one = world();
    one.input(command('fanout.start', { fanout_id: 'e', spec }));
    one.say(result('e.0', 'a1', failed));
    expect(one.input(retry('b'))[0]).toMatchObject({ type: 'fanout.started', data: { retry_of: 'e' } });
    one.say(result('f.0', 'a1', failed));
    forget(one);
    expect(types(one.input(retry('b')))).toEqual(['command.accepted']);
    expect(one.input(retry('d'))).toMatchObject([reused]);
  });

  it('is of its tenant, and of no use to another', () => {
    const one = world();
    one.input(start('b'));
    const theirs = command('fanout.start', { fanout_id: 'f', spec: nobody, keyed: keyed('d') }, 'u');
    expect(types(one.input(theirs))).toEqual(['fanout.rejected']);
  });

  it('is not asked of one that began without it', () => {
    const one = world();
    one.input(command('fanout.start', { fanout_id: 'f', spec }));
    expect(types(one.input(start('b')))).toEqual(['command.accepted']);
    expect(types(one.input(command('fanout.start', { fanout_id: 'f', spec: nobody })))).toEqual([
      'command.accepted',
    ]);
  });
});
