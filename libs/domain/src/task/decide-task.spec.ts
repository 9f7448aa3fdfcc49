import { type EventData, type TaskSpec } from '@fluxforge/events/catalogue';
import {
  command,
  fact,
  foreign,
  given,
  hash,
  limits,
  ok,
  policy,
  result,
  spec,
  t0,
  World,
  worldWith,
} from '../tasks-context/scenario.fixture.js';
import { leaseView } from '../tasks-context/index.js';

const acceptedAs = (id: string) => ({ type: 'command.accepted' as const, data: { resource_id: id } });
const rejectedWith = (code: string) => ({ type: 'command.rejected' as const, data: { code } });
const keyed = (body = 'b') => ({ key_hash: hash('1'), body_hash: hash(body) });
const hourMs = 3_600_000;

describe('task.submit', () => {
  it('keeps the trace that it came with, for each of its leases', () => {
    const traced = command('task.submit', { task_id: 'x', spec: spec() });
    const provenance = { ...traced.command.provenance, traceparent: '00-aa-bb-01' };
    const world = worldWith(['a1']);
    world.input({ ...traced, command: { ...traced.command, provenance } });
    expect(leaseView(world.state, 't', 'x')).toMatchObject({ attempt: 1, traceparent: '00-aa-bb-01' });
    world.takeOver();
    expect(leaseView(world.state, 't', 'x')).toMatchObject({ traceparent: '00-aa-bb-01' });
  });

  const submit = command('task.submit', { task_id: 'x', spec: spec() });

  it('admits to the queue', () => {
    given(fact.tenant())
      .when(submit)
      .then({ type: 'task.queued', data: { task_id: 'x', life: 1, kind: 'adhoc', spec: spec() } });
  });
  it('rejects for an unknown tenant, an unknown agent, a foreign agent, a removed agent', () => {
    given()
      .when(submit)
      .then({ type: 'task.rejected', data: { task_id: 'x', reason: 'unknown_tenant' } });
    const pinned = command('task.submit', { task_id: 'x', spec: spec({ agent_id: 'a1' }) });
    const unknown = { type: 'task.rejected' as const, data: { reason: 'unknown_agent' } };
    given(fact.tenant()).when(pinned).then(unknown);
    given(fact.tenant(), fact.tenant('u'), fact.agent('a1', {}, 'u'))
      .when(pinned)
      .then(unknown);
    const removed = { ...fact.agent('a1'), type: 'agent.removed' as const, data: { agent_id: 'a1' } };
    given(fact.tenant(), fact.agent('a1'), removed).when(pinned).then(unknown);
  });
  it('rejects one queued task more than the limit, exactly; leased ones do not count', () => {
    const nine = Array.from({ length: 9 }, (_, i) => fact.queued(`q${i}`));
    const tenth = fact.queued('q9');
    given(fact.tenant(), ...nine)
      .when(submit)
      .then({ type: 'task.queued', data: {} });
    given(fact.tenant(), ...nine, tenth)
      .when(submit)
      .then({ type: 'task.rejected', data: { reason: 'quota_queued_tasks' } });
    given(fact.tenant(), fact.agent('a1'), ...nine, tenth, fact.leased('q3', 'a1'))
      .when(submit)
      .then({ type: 'task.queued', data: {} });
  });
  it('rejects one queued byte more than the limit, exactly; leased tasks do not count', () => {
    const bytes = (task: TaskSpec) => Buffer.byteLength(JSON.stringify(task));
    const queued = fact.queued('q', { command: 'é'.repeat(50) });
    const room = bytes(queued.data.spec) + bytes(spec());
    const tenant = (max_queued_bytes: number) =>
      fact.tenant('t', { limits: { ...limits, max_queued_bytes } });
    const rejected = { type: 'task.rejected' as const, data: { reason: 'quota_queued_bytes' } };
    given(tenant(room), queued).when(submit).then({ type: 'task.queued', data: {} });
    given(tenant(room - 1), queued)
      .when(submit)
      .then(rejected);
    given(tenant(room - 1), fact.agent('a1'), queued, fact.leased('q', 'a1'))
      .when(submit)
      .then({ type: 'task.queued', data: {} });
    given(tenant(1)).when(submit).then(rejected);
  });
  it('holds a tenant that has no such limit to that of a new one', () => {
    const large = { command: 'x'.repeat(60_000) };
    const most = Math.floor(policy.defaultLimits.max_queued_bytes / 60_000);
    const many = fact.tenant('t', { limits: { ...limits, max_queued_tasks: 10_000_000 } });
    const world = new World().given(many);
    for (let i = 0; i < most; i++) world.given(fact.queued(`q${i}`, large));
    expect(world.input(command('task.submit', { task_id: 'x', spec: spec(large) }))).toMatchObject([
      { type: 'task.rejected', data: { reason: 'quota_queued_bytes' } },
    ]);
  });
  it('stays quiet about an id that is there, or was lately', () => {
    given(fact.tenant(), fact.queued('x')).when(submit).then(acceptedAs('x'));
    const ended = {
      ...fact.queued('x'),
      type: 'task.ended' as const,
      data: { task_id: 'x', life: 1, end: 'expired' as const, reason: 'not_after_passed' as const },
    };
    given(fact.tenant(), fact.queued('x'), { ...ended, data: { ...ended.data, attempts_used: 0 } })
      .when(submit)
      .then(acceptedAs('x'));
  });
});

describe('an idempotency key', () => {
  const submit = (body = 'b') => command('task.submit', { task_id: 'x', spec: spec(), keyed: keyed(body) });
  const ended = (world: World) => {
    world.given(fact.agent('a1'), fact.leased('x', 'a1'));
    world.say(result('x', 'a1', ok));
  };

  it('names the first task while it lives, and after it', () => {
    const world = new World().given(fact.tenant());
    expect(world.input(submit())).toMatchObject([{ type: 'task.queued', data: { life: 1, keyed: keyed() } }]);
    expect(world.input(submit())).toMatchObject([acceptedAs('x')]);
    expect(world.input(submit('c'))).toMatchObject([rejectedWith('idempotency_key_reused')]);
    ended(world);
    world.nowMs += 23 * hourMs;
    expect(world.input(submit())).toMatchObject([acceptedAs('x')]);
    expect(world.input(submit('c'))).toMatchObject([rejectedWith('idempotency_key_reused')]);
  });

  it('is known to a new owner, from the log', () => {
    const world = new World().given(fact.tenant());
    world.input(submit());
    ended(world);
    world.nowMs += 24 * hourMs - 1;
    world.takeOver();
    expect(world.input(submit())).toMatchObject([acceptedAs('x')]);
  });

  it('opens a higher life after the window, in which old reports move nothing', () => {
    const world = new World().given(fact.tenant());
    world.input(submit());
    ended(world);
    let life = 1;
    for (let day = 0; day < 3; day++) {
      world.nowMs += 25 * hourMs;
      const [event] = world.input(submit('c'));
      expect(event?.type).toBe('task.queued');
      const next = (event?.data as EventData<'task.queued'>).life;
      expect(next).toBeGreaterThan(life);
      expect(world.say(result('x', 'a1', ok, 1, life))).toMatchObject([{ type: 'task.report-ignored' }]);
      life = next;
      world.input(command('task.cancel', { task_id: 'x' }));
    }
  });

  it('holds beyond the window for as long as its task has not ended', () => {
    const world = new World().given(fact.tenant());
    const data = { task_id: 'x', spec: spec({ delivery_timeout_ms: 0 }), keyed: keyed() };
    world.input(command('task.submit', data));
    world.nowMs += 40 * hourMs;
    expect(world.input(submit())).toMatchObject([acceptedAs('x')]);
    expect(world.input(submit('c'))).toMatchObject([rejectedWith('idempotency_key_reused')]);
  });

  it('remembers a rejection as the answer', () => {
    const world = new World().given(fact.tenant('t', { limits: { ...fact.tenant().data.limits } }));
    const bad = { task_id: 'x', spec: spec({ agent_id: 'nobody' }), keyed: keyed() };
    expect(world.input(command('task.submit', bad))).toMatchObject([{ type: 'task.rejected' }]);
    expect(world.input(command('task.submit', bad))).toMatchObject([acceptedAs('x')]);
  });
});

describe('task.cancel', () => {
  const cancel = command('task.cancel', { task_id: 'x', reason: 'not needed' });
  const requested = {
    ...fact.queued('x'),
    type: 'task.cancel-requested' as const,
    data: { task_id: 'x', life: 1, reason: 'cancelled_by_user' as const },
  };
  it('ends a queued task, with what the person said', () => {
    given(fact.tenant(), fact.queued('x'))
      .when(cancel)
      .then({
        type: 'task.ended',
        data: { end: 'cancelled', reason: 'cancelled_by_user', message: 'not needed', attempts_used: 0 },
      });
  });
  it('requests the end of a leased one', () => {
    given(fact.tenant(), fact.agent('a1'), fact.queued('x'), fact.leased('x', 'a1'))
      .when(cancel)
      .then({ type: 'task.cancel-requested', data: { task_id: 'x', reason: 'cancelled_by_user' } });
  });
  it('refuses what is not known, is of another tenant, or ended otherwise', () => {
    given(fact.tenant()).when(cancel).then(rejectedWith('not_found'));
    given(fact.tenant(), fact.tenant('u'), fact.queued('x', {}, {}, 'u'))
      .when(cancel)
      .then(rejectedWith('not_found'));
    const ended = { ...requested, type: 'task.ended' as const };
    const data = {
      ...requested.data,
      end: 'succeeded' as const,
      reason: 'exit_zero' as const,
      attempts_used: 1,
    };
    given(fact.tenant(), fact.queued('x'), { ...ended, data })
      .when(cancel)
      .then(rejectedWith('conflict'));
  });
  it('stays quiet when it was requested, or is cancelled', () => {
    given(fact.tenant(), fact.agent('a1'), fact.queued('x'), fact.leased('x', 'a1'), requested)
      .when(cancel)
      .then(acceptedAs('x'));
    const world = new World().given(fact.tenant(), fact.queued('x'));
    world.input(cancel);
    expect(world.input(cancel)).toMatchObject([acceptedAs('x')]);
  });
});

describe('remediation.requested', () => {
  const data: EventData<'remediation.requested'> = {
    state_id: 's',
    agent_id: 'a1',
    generation: 2,
    attempt: 1,
    task_id: 'r',
    command: ['apply', 'it'],
    cwd: '/srv',
    priority: 1,
    execution_timeout_ms: 30_000,
    not_after_ms: t0 + 60_000,
  };
  const request = foreign({ type: 'remediation.requested', data });
  const origin = { state_id: 's', agent_id: 'a1', generation: 2, attempt: 1 };

  it('is queued for exactly that agent, with one attempt', () => {
    given(fact.tenant(), fact.agent('a1'))
      .when(request)
      .then({
        type: 'task.queued',
        data: {
          task_id: 'r',
          kind: 'reconciliation',
          origin,
          spec: {
            agent_id: 'a1',
            command: ['apply', 'it'],
            cwd: '/srv',
            max_attempts: 1,
            not_after_ms: t0 + 60_000,
            labels: {},
          },
        },
      });
  });
  it('always gets an answer', () => {
    const rejected = (reason: string) => ({
      type: 'task.rejected' as const,
      data: { reason, origin, kind: 'reconciliation' },
    });
    given().when(request).then(rejected('unknown_tenant'));
    given(fact.tenant()).when(request).then(rejected('unknown_agent'));
    const full = Array.from({ length: 10 }, (_, i) => fact.queued(`q${i}`));
    given(fact.tenant(), fact.agent('a1'), ...full)
      .when(request)
      .then(rejected('quota_queued_tasks'));
  });
  it('stays quiet when it was answered already', () => {
    const world = new World().given(fact.tenant(), fact.agent('a1'));
    world.input(request);
    expect(world.input(request)).toEqual([]);
    world.after(60_000);
    expect(world.state.realms.get('t')?.tasks.size).toBe(0);
    expect(world.input(request)).toEqual([]);
  });

  describe('and withdrawn', () => {
    const withdrawn = foreign({
      type: 'remediation.withdrawn',
      data: { ...origin, task_id: 'r', reason: 'state_deleted' },
    });
    it('ends the queued task, and asks for the end of the leased one', () => {
      const world = new World().given(fact.tenant(), fact.agent('a1'));
      world.input(request);
      expect(world.input(withdrawn)).toMatchObject([
        { type: 'task.ended', data: { end: 'cancelled', reason: 'withdrawn', origin } },
      ]);
      given(fact.tenant(), fact.agent('a1'), fact.queued('r'), fact.leased('r', 'a1'))
        .when(withdrawn)
        .then({ type: 'task.cancel-requested', data: { reason: 'withdrawn' } });
    });
    it('stays quiet when there is nothing, or a request already', () => {
      given(fact.tenant()).when(withdrawn).then();
      given().when(withdrawn).then();
    });
  });
});
