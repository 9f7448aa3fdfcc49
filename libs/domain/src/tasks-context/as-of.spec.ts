import fc from 'fast-check';
import { type TaskSpec } from '@fluxforge/events/catalogue';
import { presumeOwner } from './as-of.js';
import {
  command,
  heartbeat,
  limits,
  ok,
  policy,
  result,
  spec,
  t0,
  type World,
  worldWith,
} from './scenario.fixture.js';

const rule = 'quota_output_bytes';
const hour = { output_bytes_per_hour: 250 };
const submit = (id: string, over: Partial<TaskSpec> = {}) =>
  command('task.submit', {
    task_id: id,
    spec: spec({ output_limit_bytes: 50, delivery_timeout_ms: 0, ...over }),
  });
const cancel = (id: string) => command('task.cancel', { task_id: id });

function limited(slots = 8): World {
  const world = worldWith(['a1'], { slots });
  world.input(command('tenant.set-limits', { limits: { ...limits, ...hour } }));
  return world;
}

/** What is said of a task now by the owner itself, and from the log alone. */
function explained({ context, state, log, nowMs }: World, taskId: string) {
  const past = context.initial(0);
  for (const one of log) context.evolve(past, one);
  const assumed = presumeOwner(past, policy, 't', nowMs);
  const ruleOf = (of: typeof state) => {
    const why = context.explainTask(of, 't', taskId, nowMs);
    return why.phase === 'queued' ? why.rule : why.phase;
  };
  return { owner: ruleOf(state), past: ruleOf(past), assumed };
}

describe('the output quota as of a time', () => {
  it('holds back where the next task has no room, as the pass finds that was made then', () => {
    const world = limited();
    for (const id of ['x', 'y', 'z']) world.input(submit(id));
    expect(explained(world, 'z')).toEqual({ owner: rule, past: rule, assumed: ['agents_connected'] });
    // What comes behind it waits as well, though it has room.
    world.input(submit('small', { output_limit_bytes: 5, priority: 9 }));
    expect(explained(world, 'small')).toEqual({ owner: rule, past: rule, assumed: ['agents_connected'] });
  });

  it('is taken to be open where another task may have held it, and that is said', () => {
    const world = limited();
    for (const id of ['x', 'y', 'z']) world.input(submit(id));
    world.input(submit('small', { output_limit_bytes: 5 }));
    world.input(cancel('z'));
    const assumed = ['agents_connected', 'output_quota_open'];
    expect(explained(world, 'small')).toEqual({ owner: rule, past: 'turn', assumed });
  });

  it('is no matter in an hour in which nothing has run, nor to a tenant that has none', () => {
    const world = limited(1);
    for (const id of ['x', 'y']) world.input(submit(id));
    world.input(command('tenant.set-limits', { limits }));
    expect(explained(world, 'y')).toMatchObject({ past: 'agents_full', assumed: ['agents_connected'] });
    const fresh = limited();
    fresh.input(submit('x', { selector: [{ key: 'zone', op: 'in', values: ['moon'] }] }));
    expect(explained(fresh, 'x')).toMatchObject({ past: 'no_agent_matches', assumed: ['agents_connected'] });
  });

  const ids = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'];
  const submitted = fc.record({
    kind: fc.constant('submit' as const),
    output_limit_bytes: fc.constantFrom(5, 50, 100, 120),
    priority: fc.constantFrom(1, 5, 9),
  });
  const step = fc.oneof(
    { arbitrary: submitted, weight: 3 },
    fc.record({ kind: fc.constantFrom('cancel' as const, 'end' as const), at: fc.nat(3) }),
    fc.record({ kind: fc.constant('limit' as const), bytes: fc.constantFrom(20, 250, 400) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(10, 40_000) }),
  );

  it('is never said to hold back when it did not, and where it is not known to, that is assumed', () => {
    let held = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 30 }), (slots, steps) => {
        const world = limited(slots);
        // The hour has little room left from the start.
        for (const id of ids.slice(0, 2)) world.input(submit(id));
        let made = 2;
        for (const one of steps) {
          if (one.kind === 'submit' && made < ids.length) world.input(submit(ids[made++]!, one));
          // Mostly the last ones, which wait.
          if (one.kind === 'cancel') world.input(cancel(ids[Math.max(0, made - 1 - one.at)]!));
          if (one.kind === 'end') world.say(result(ids[one.at]!, 'a1', ok));
          if (one.kind === 'limit')
            world.input(
              command('tenant.set-limits', { limits: { ...limits, output_bytes_per_hour: one.bytes } }),
            );
          if (one.kind === 'wait') world.at(Math.min(t0 + 60_000, world.nowMs + one.ms));
          for (const id of ids.slice(0, made)) {
            const { owner, past, assumed } = explained(world, id);
            if (past === rule) expect(owner).toBe(rule);
            if (owner === rule && past !== rule) expect(assumed).toContain('output_quota_open');
            if (past !== owner) expect([owner, assumed.at(-1)]).toEqual([rule, 'output_quota_open']);
            held += past === rule ? 1 : 0;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(held).toBeGreaterThan(0);
  });
});

describe('agents that are kept as of a time', () => {
  it('are taken to be none, which is said once a task has waited long enough for one', () => {
    const world = worldWith(['a1'], { slots: 2 });
    world.input(submit('small', { execution_timeout_ms: 86_400_000 }));
    world.input(submit('large', { requests: { slots: 2 } }));
    const { readyAtMs } = world.state.realms.get('t')!.tasks.get('large')!;
    const dueMs = readyAtMs + (spec().priority + 1) * policy.agingMs;
    const atOf = (nowMs: number) => {
      for (; world.nowMs < nowMs; world.nowMs = Math.min(nowMs, world.nowMs + 4_000))
        world.say(heartbeat('a1', world.nowMs, [{ taskId: 'small', life: 1, attempt: 1 }]));
      return explained(world, 'large').assumed;
    };
    expect(atOf(dueMs - 1)).toEqual(['agents_connected']);
    expect(atOf(dueMs)).toEqual(['agents_connected', 'no_agent_kept']);
  });
});
