import { makeTasksContext } from './context.js';
import { command, fact, policy, spec, types, World } from './scenario.fixture.js';

const overload = { ...policy.overload, queued: { high: 10, low: 4 } };
const { enterAfterMs, leaveAfterMs } = overload;
const limits = { max_queued_tasks: 100, max_agents: 3, max_states: 10 };

let made = 0;

/** Three tenants, of which `c` counts twice; nobody runs anything. */
class Partition extends World {
  constructor() {
    super(makeTasksContext({ ...policy, overload }));
    for (const [id, weight] of [
      ['a', 1],
      ['b', 1],
      ['c', 2],
    ] as const) {
      this.given(fact.tenant(id, { limits: { ...limits, weight } }));
    }
  }

  submit(tenantId: string, priority = 2): string[] {
    made += 1;
    const data = { task_id: `t${made}`, spec: spec({ priority }) };
    return types(this.input(command('task.submit', data, tenantId)));
  }

  hold(tenantId: string, queued: number): this {
    const realm = this.state.realms.get(tenantId)!;
    while (realm.queuedTasks < queued) this.submit(tenantId);
    for (const task of [...realm.tasks.values()].slice(queued)) {
      this.input(command('task.cancel', { task_id: task.id }, tenantId));
    }
    return this;
  }

  press(spanMs: number, eventLoopDelayMs = 1) {
    this.nowMs += spanMs;
    return this.say({ kind: 'pressure', eventLoopDelayMs, commitLatencyMs: 1 });
  }
}

const entered = (tenantId: string) => ({
  type: 'tenant.overload-set',
  tenantId,
  data: { mode: 'degraded', reason: 'overload_queue' },
});
const left = (tenantId: string) => ({
  type: 'tenant.overload-set',
  tenantId,
  data: { mode: 'normal', reason: 'overload_over' },
});

function flooded(): Partition {
  const world = new Partition().hold('a', 10).hold('b', 1);
  world.press(0);
  world.press(enterAfterMs);
  return world;
}

describe('a tenant whose queue makes its partition too deep', () => {
  it('is degraded after its time above its share, and its neighbours are not', () => {
    const world = new Partition().hold('a', 10).hold('b', 1);
    expect(world.press(0)).toEqual([]);
    expect(world.press(enterAfterMs - 1)).toEqual([]);
    expect(world.press(1)).toMatchObject([entered('a')]);
    expect(world.submit('a', 3)).toEqual(['task.rejected']);
    expect(world.submit('a', 2)).toEqual(['task.queued']);
    expect(world.submit('b', 9)).toEqual(['task.queued']);
    expect(world.press(enterAfterMs)).toEqual([]);
  });

  it('is told whose mode refuses its tasks', () => {
    const world = flooded();
    const refusal = () => {
      const data = { task_id: `x${++made}`, spec: spec({ priority: 9 }) };
      return (world.input(command('task.submit', data, 'a'))[0]!.data as { message: string }).message;
    };
    expect(refusal()).toContain("The tenant's own queue is too deep.");
    world.input(command('cluster.set-mode', { mode: 'read-only' }, 'system'));
    expect(refusal()).toContain('set for the cluster');
    world.input(command('tenant.set-mode', { mode: 'read-only' }, 'a'));
    expect(refusal()).toContain('set for the tenant');
  });

  it('is held to its share by weight among those that have something queued', () => {
    // Of 10: a and b 2.5 each, c 5.
    const world = new Partition().hold('a', 3).hold('b', 2).hold('c', 6);
    world.press(0);
    expect(world.press(enterAfterMs)).toMatchObject([entered('a'), entered('c')]);
    const even = new Partition().hold('a', 2).hold('b', 3).hold('c', 5);
    even.press(0);
    expect(even.press(enterAfterMs)).toEqual([]);
    // 11 in all, and c is not above its 5.
    even.hold('b', 4);
    even.press(0);
    expect(even.press(enterAfterMs)).toMatchObject([entered('b')]);
  });

  it('starts its clock anew whenever it or the partition is not above', () => {
    const world = new Partition().hold('a', 10).hold('b', 1);
    world.press(0);
    world.hold('b', 0).press(enterAfterMs / 2);
    world.hold('b', 1);
    world.press(enterAfterMs / 2);
    expect(world.press(enterAfterMs - 1)).toEqual([]);
    expect(world.press(1)).toMatchObject([entered('a')]);
  });

  it('returns after its time below its share of the low mark, however deep the others are', () => {
    const world = flooded().hold('b', 5).hold('a', 2);
    // Half of 4 is not below it.
    world.press(0);
    expect(world.press(leaveAfterMs)).toEqual([]);
    world.hold('a', 1).press(0);
    expect(world.press(leaveAfterMs - 1)).toEqual([]);
    expect(world.press(1)).toMatchObject([left('a')]);
    expect(world.submit('a', 9)).toEqual(['task.queued']);
  });

  it('returns when the partition is below its low mark, however small its share', () => {
    const world = flooded().hold('a', 2);
    world.press(0);
    expect(world.press(leaveAfterMs)).toMatchObject([left('a')]);
  });

  it('stays so with a new owner, whose clocks start at zero, from the log and from a snapshot', () => {
    for (const by of ['log', 'snapshot'] as const) {
      const world = flooded().hold('a', 0);
      world.press(0);
      world.press(leaveAfterMs - 1);
      if (by === 'log') world.takeOver();
      else world.state = world.context.deserialize(world.context.serialize(world.state))!;
      expect(world.submit('a', 3)).toEqual(['task.rejected']);
      expect(world.press(1)).toEqual([]);
      expect(world.press(leaveAfterMs)).toMatchObject([left('a')]);
    }
  });

  it('keeps the mode that was set for it: the stricter holds', () => {
    const world = flooded();
    world.input(command('tenant.set-mode', { mode: 'read-only' }, 'a'));
    expect(world.submit('a', 0)).toEqual(['task.rejected']);
    world.out = [];
    world.input(command('tenant.set-mode', { mode: 'normal' }, 'a'));
    expect(world.out).toMatchObject([
      { kind: 'directory-tenant', mode: 'normal', overload: { mode: 'degraded', reason: 'overload_queue' } },
    ]);
    expect(world.submit('a', 3)).toEqual(['task.rejected']);
  });
});

describe('a partition that is too deep', () => {
  const partitionEntered = { type: 'cluster.mode-set', data: { mode: 'degraded', by: 'overload' } };

  it('is degraded when no tenant stays above its share for so long', () => {
    const world = new Partition().hold('a', 10).hold('b', 5);
    world.press(0);
    // Half of 10 each: they take turns in being the one above it.
    for (let i = 0; i < 4; i++) {
      if (i % 2 === 0) world.hold('b', 10).hold('a', 4);
      else world.hold('a', 10).hold('b', 4);
      const events = world.press(enterAfterMs / 4);
      if (i < 3) expect(events).toEqual([]);
      else expect(events).toMatchObject([{ ...partitionEntered, data: { reason: 'overload_queue' } }]);
    }
  });

  it('does not count those that are degraded for their own queues', () => {
    const world = flooded();
    world.press(0, overload.eventLoopDelayMs.high + 1);
    expect(world.press(enterAfterMs, overload.eventLoopDelayMs.high + 1)).toMatchObject([partitionEntered]);
    expect(world.submit('b', 3)).toEqual(['task.rejected']);
    world.press(0);
    expect(world.press(leaveAfterMs)).toMatchObject([{ type: 'cluster.mode-set', data: { mode: 'normal' } }]);
    expect(world.submit('b', 3)).toEqual(['task.queued']);
    expect(world.submit('a', 3)).toEqual(['task.rejected']);
  });
});
