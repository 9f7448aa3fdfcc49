import { JournalReader, startOfLog } from '@fluxforge/events/journal';
import {
  Scribe,
  someState,
  someTask,
  writeAgent,
  writeFanout,
  writeHealedState,
  writeTask,
} from '@fluxforge/testing/history';
import { type ContextName } from '@fluxforge/events/catalogue';
import { foldEvents } from './fold.js';
import { projectedEventOf, type ProjectedEvent } from './projected-event.js';
import { ViewRows } from './view-rows.js';

function eventsOf(scribe: Scribe, context: ContextName): ProjectedEvent[] {
  const reader = new JournalReader(startOfLog);
  return scribe.stored().map((record) => {
    reader.read(record);
    return projectedEventOf(record, { context, partition: 0, hash: reader.position.hash });
  });
}

function folded(scribe: Scribe, context: ContextName): ViewRows {
  const rows = new ViewRows();
  foldEvents(eventsOf(scribe, context), rows);
  return rows;
}

const run = { task_id: 'k1', life: 1, attempt: 1, agent_id: 'a1' };
const decision = { waited_ms: 1, effective_priority: 5, candidates: 1 };

describe('tasks view', () => {
  it('follows a task to its end', () => {
    const scribe = new Scribe('tasks');
    writeTask(scribe, 'k1');
    const rows = folded(scribe, 'tasks');
    expect(rows.tasks.get('t1', 'k1')).toMatchObject({
      phase: 'ended',
      end: 'succeeded',
      agent_id: 'a1',
      exit_code: 0,
      attempts_used: 1,
      resource_version: 4,
      generation: 1,
    });
    expect(rows.attempts.get('t1', 'k1', 1, 1)).toMatchObject({
      phase: 'ended',
      outcome: 'exited',
      decision: { candidates: 2 },
    });
  });

  it('goes back to the queue between attempts, and keeps each attempt', () => {
    const scribe = new Scribe('tasks');
    scribe.event('task.queued', { task_id: 'k1', life: 1, kind: 'adhoc', spec: someTask });
    scribe.event('task.leased', { ...run, lease_ms: 1, decision });
    scribe.event('task.attempt-ended', {
      ...run,
      outcome: 'exited',
      exit_code: 2,
      reason: 'exit_nonzero',
      retry_at_ms: Date.UTC(2025, 1, 1),
    });
    const queued = folded(scribe, 'tasks').tasks.get('t1', 'k1');
    expect(queued).toMatchObject({
      phase: 'queued',
      end: null,
      exit_code: 2,
      attempts_used: 1,
      retry_at: '2025-02-01T00:00:00.000Z',
    });
    scribe.event('task.leased', { ...run, attempt: 2, agent_id: 'a2', lease_ms: 1, decision });
    const rows = folded(scribe, 'tasks');
    expect(rows.tasks.get('t1', 'k1')).toMatchObject({
      phase: 'leased',
      attempt: 2,
      agent_id: 'a2',
      exit_code: null,
      retry_at: null,
    });
    expect(rows.attempts.all()).toHaveLength(2);
  });

  it('begins anew with the next life of an id, and does not hear the old one any more', () => {
    const scribe = new Scribe('tasks');
    writeTask(scribe, 'k1');
    scribe.event('task.queued', { task_id: 'k1', life: 2, kind: 'adhoc', spec: someTask });
    scribe.event('task.started', { ...run, started_at_ms: 1 });
    expect(folded(scribe, 'tasks').tasks.get('t1', 'k1')).toMatchObject({
      generation: 2,
      phase: 'queued',
      end: null,
      attempt: 0,
    });
  });

  it('shows a rejected task as ended, and a cancel request as such', () => {
    const scribe = new Scribe('tasks');
    scribe.event('task.rejected', {
      task_id: 'k1',
      life: 1,
      kind: 'adhoc',
      reason: 'quota_queued_tasks',
      message: 'full',
    });
    scribe.event('task.queued', { task_id: 'k2', life: 1, kind: 'adhoc', spec: someTask });
    scribe.event('task.cancel-requested', { task_id: 'k2', life: 1, reason: 'cancelled_by_user' });
    const rows = folded(scribe, 'tasks');
    expect(rows.tasks.get('t1', 'k1')).toMatchObject({
      phase: 'ended',
      end: 'rejected',
      reason: 'quota_queued_tasks',
      spec: null,
    });
    expect(rows.tasks.get('t1', 'k2')).toMatchObject({ phase: 'queued', cancel_requested: true });
  });

  it('lets a report that was ignored move nothing', () => {
    const scribe = new Scribe('tasks');
    writeTask(scribe, 'k1');
    const before = folded(scribe, 'tasks').tasks.get('t1', 'k1');
    scribe.event('task.report-ignored', { ...run, outcome: 'exited', exit_code: 9, current_attempt: 1 });
    expect(folded(scribe, 'tasks').tasks.get('t1', 'k1')).toEqual(before);
  });
});

describe('states and targets views', () => {
  const healed = () => {
    const scribe = new Scribe('states');
    writeHealedState(scribe, 's1', ['a1', 'a2']);
    return scribe;
  };
  const condition = (conditions: readonly { type: string; status: string }[] | undefined, type: string) =>
    conditions?.find((c) => c.type === type)?.status;

  it('closes the loop', () => {
    const rows = folded(healed(), 'states');
    expect(rows.targets.get('t1', 's1', 'a1')).toMatchObject({
      compliance: 'compliant',
      attempts: 1,
      checked_generation: 1,
      task_id: 'r-s1',
    });
    expect(rows.states.get('t1', 's1')).toMatchObject({
      targets_compliant: 1,
      targets_unknown: 1,
      targets_remediating: 0,
      targets_current: 1,
      observed_generation: 0,
    });
  });

  it('says compliant and observed only when every target was checked at the generation', () => {
    const scribe = healed();
    scribe.event('target.compliant', {
      state_id: 's1',
      agent_id: 'a2',
      generation: 1,
      round: 1,
      outcome: 'exited',
      exit_code: 0,
    });
    const state = folded(scribe, 'states').states.get('t1', 's1');
    expect(state).toMatchObject({ observed_generation: 1, targets_compliant: 2 });
    expect(condition(state?.conditions, 'compliant')).toBe('true');
    scribe.event('state.updated', { state_id: 's1', name: 's1', labels: {}, generation: 2, spec: someState });
    const renewed = folded(scribe, 'states').states.get('t1', 's1');
    expect(renewed).toMatchObject({ observed_generation: 1, targets_current: 0, resource_version: 2 });
    expect(condition(renewed?.conditions, 'compliant')).toBe('unknown');
  });

  it('keeps the time of a transition while a status stays', () => {
    const scribe = healed();
    const since = () =>
      folded(scribe, 'states').targets.get('t1', 's1', 'a1')?.conditions[0]?.last_transition_at;
    const before = since();
    scribe.event('target.compliant', {
      state_id: 's1',
      agent_id: 'a1',
      generation: 1,
      round: 3,
      outcome: 'exited',
      exit_code: 0,
    });
    expect(since()).toBe(before);
    scribe.event('drift.detected', {
      state_id: 's1',
      agent_id: 'a1',
      generation: 1,
      round: 4,
      outcome: 'exited',
      exit_code: 1,
    });
    expect(since()).not.toBe(before);
  });

  it('follows a remediation that fails and is given up', () => {
    const scribe = healed();
    const target = { state_id: 's1', agent_id: 'a1', generation: 1 };
    scribe.event('drift.detected', { ...target, round: 4, outcome: 'exited', exit_code: 1 });
    expect(folded(scribe, 'states').targets.get('t1', 's1', 'a1')).toMatchObject({
      compliance: 'drifted',
      attempts: 0,
    });
    scribe.event('remediation.failed', {
      ...target,
      attempt: 2,
      task_id: 'another',
      reason: 'exit_nonzero',
      counted: true,
      retry_at_ms: 1,
    });
    expect(folded(scribe, 'states').targets.get('t1', 's1', 'a1')?.retry_at).toBeNull();
    scribe.event('remediation.given-up', { ...target, attempts_used: 3, reason: 'attempts_used_up' });
    const rows = folded(scribe, 'states');
    expect(rows.targets.get('t1', 's1', 'a1')).toMatchObject({ compliance: 'given_up', attempts: 3 });
    expect(condition(rows.states.get('t1', 's1')?.conditions, 'given_up')).toBe('true');
  });

  it('ignores a finding of another generation', () => {
    const scribe = healed();
    scribe.event('drift.detected', {
      state_id: 's1',
      agent_id: 'a1',
      generation: 7,
      round: 4,
      outcome: 'exited',
      exit_code: 1,
    });
    expect(folded(scribe, 'states').targets.get('t1', 's1', 'a1')?.compliance).toBe('compliant');
  });

  it('takes the targets along when a state goes, and begins anew when it comes back', () => {
    const scribe = healed();
    scribe.event('state.deleted', { state_id: 's1' });
    const gone = folded(scribe, 'states');
    expect(gone.states.all()).toEqual([]);
    expect(gone.targets.all()).toEqual([]);
    scribe.event('state.declared', {
      state_id: 's1',
      name: 's1',
      labels: {},
      generation: 1,
      spec: someState,
    });
    scribe.event('targets.changed', { state_id: 's1', added: ['a2'], removed: [] });
    const back = folded(scribe, 'states');
    expect(back.targets.all()).toHaveLength(1);
    expect(back.states.get('t1', 's1')).toMatchObject({ targets_unknown: 1, targets_compliant: 0 });
  });

  it('counts agents that leave', () => {
    const scribe = healed();
    scribe.event('targets.changed', {
      state_id: 's1',
      added: [],
      removed: [{ agent_id: 'a1', reason: 'agent_removed' }],
    });
    expect(folded(scribe, 'states').states.get('t1', 's1')).toMatchObject({
      targets_compliant: 0,
      targets_unknown: 1,
      targets_current: 0,
    });
  });
});

describe('agents and tenants views', () => {
  it('follow an agent, and leave its version to its events', () => {
    const scribe = new Scribe('tasks');
    writeAgent(scribe, 'a1');
    scribe.event('agent.drain-set', { agent_id: 'a1', drain: true });
    scribe.event('agent.lost', { agent_id: 'a1', reason: 'no_answer' });
    scribe.event('agent.lost', { agent_id: 'nobody', reason: 'no_answer' });
    expect(folded(scribe, 'tasks').agents.all()).toMatchObject([
      { id: 'a1', phase: 'lost', draining: true, resource_version: 4, generation: 2 },
    ]);
  });

  it('hold tenants and the state of their keys, without hashes', () => {
    const scribe = new Scribe('tasks');
    scribe.event('tenant.created', {
      tenant_id: 't1',
      name: 'one',
      limits: { max_queued_tasks: 1, max_agents: 1, max_states: 1 },
    });
    scribe.event('tenant.key-added', {
      key_id: 'k',
      key_hash: 'a'.repeat(64),
      role: 'admin',
      label: 'first',
    });
    scribe.event('tenant.key-revoked', { key_id: 'k' });
    const rows = folded(scribe, 'tasks');
    expect(rows.tenants.all()).toMatchObject([{ tenant_id: 't1', name: 'one' }]);
    expect(rows.apiKeys.all()).toMatchObject([{ key_id: 'k', role: 'admin' }]);
    expect(rows.apiKeys.all()[0]?.revoked_at).not.toBeNull();
    expect(JSON.stringify(rows.apiKeys.all())).not.toContain('aaaa');
  });
});

describe('commands and events views', () => {
  it('take the first event of a command as its answer', () => {
    const scribe = new Scribe('tasks');
    scribe.event(
      'task.queued',
      { task_id: 'k1', life: 1, kind: 'adhoc', spec: someTask },
      { commandId: 'c1' },
    );
    scribe.event(
      'command.rejected',
      { command_id: 'c1', code: 'already_exists', message: 'again' },
      { commandId: 'c1' },
    );
    scribe.event(
      'command.rejected',
      { command_id: 'c2', code: 'not_found', message: 'no such task', resource_id: 'k9' },
      { commandId: 'c2' },
    );
    const rows = folded(scribe, 'tasks');
    expect(rows.commands.get('t1', 'c1')).toMatchObject({
      state: 'accepted',
      code: null,
      resource_id: 'k1',
      offset: 1,
    });
    expect(rows.commands.get('t1', 'c2')).toMatchObject({
      state: 'rejected',
      code: 'not_found',
      message: 'no such task',
      resource_id: 'k9',
    });
  });

  it('hold every event with its entities and its hash, but no progress', () => {
    const scribe = new Scribe('tasks');
    writeTask(scribe, 'k1');
    scribe.event('journal.progress', {}, { tenantId: 'system' });
    const rows = folded(scribe, 'tasks');
    const types = rows.events.all().map((e) => e.type);
    expect(types).toEqual(['journal.claimed', 'task.queued', 'task.leased', 'task.started', 'task.ended']);
    expect(rows.events.all()[2]).toMatchObject({ task_id: 'k1', agent_id: 'a1', tenant_id: 't1', offset: 2 });
    expect(rows.events.all().every((e) => e.hash.length === 43)).toBe(true);
  });
});

describe('schedules view', () => {
  const spec = {
    cron: '0 * * * *',
    time_zone: 'UTC',
    jitter_ms: 0,
    overlap: 'forbid' as const,
    missed_after_ms: 1_000,
    task: someTask,
  };
  const next = Date.UTC(2025, 1, 1);

  it('follows a schedule: what it fired, what it skipped, what was missed, when it is next', () => {
    const scribe = new Scribe('tasks');
    const id = { schedule_id: 'c1' };
    scribe.event('schedule.created', { ...id, name: 'hourly', spec, generation: 1, next_ms: next });
    scribe.event('schedule.fired', { ...id, due_ms: next, task_id: 'k1', missed: 0, next_ms: next + 1 });
    scribe.event('schedule.fired', { ...id, due_ms: next + 1, skipped: 'overlap_forbidden', missed: 3 });
    scribe.event('schedule.suspended', { ...id, suspended: true });
    expect(folded(scribe, 'tasks').schedules.get('t1', 'c1')).toMatchObject({
      name: 'hourly',
      resource_version: 4,
      suspended: true,
      next_at: null,
      last_due_at: '2025-02-01T00:00:00.001Z',
      last_task_id: 'k1',
      last_skipped: 'overlap_forbidden',
      fired: 1,
      skipped: 1,
      missed: 3,
    });
    scribe.event('schedule.updated', { ...id, name: 'other', spec, generation: 2, next_ms: next });
    const updated = folded(scribe, 'tasks').schedules.get('t1', 'c1');
    expect(updated).toMatchObject({ name: 'other', generation: 2, next_at: '2025-02-01T00:00:00.000Z' });
    scribe.event('schedule.deleted', id);
    expect(folded(scribe, 'tasks').schedules.all()).toEqual([]);
  });
});

describe('fan-outs view', () => {
  const budget = { count: 1 };
  const spec = { task: someTask, selector: [], max_concurrency: budget, max_failures: budget };

  it('follows one to its end', () => {
    const scribe = new Scribe('tasks');
    scribe.event('fanout.started', { fanout_id: 'f1', spec, members: ['a1', 'a2', 'a3'], retry_of: 'f0' });
    expect(folded(scribe, 'tasks').fanouts.get('t1', 'f1')).toMatchObject({ phase: 'running', counts: null });
    scribe.event('fanout.cancelled', { fanout_id: 'f1', message: 'enough' });
    expect(folded(scribe, 'tasks').fanouts.get('t1', 'f1')).toMatchObject({ phase: 'cancelling' });
    const counts = { succeeded: 1, failed: 1, not_started: 1, unknown: 0 };
    const members = [
      { agent_id: 'a2', end: 'failed' as const },
      { agent_id: 'a3', end: 'not_started' as const },
    ];
    scribe.event('fanout.ended', { fanout_id: 'f1', reason: 'fanout_cancelled', ...counts, members });
    expect(folded(scribe, 'tasks').fanouts.get('t1', 'f1')).toMatchObject({
      phase: 'ended',
      retry_of: 'f0',
      message: 'enough',
      members: ['a1', 'a2', 'a3'],
      counts,
      unsuccessful: members,
    });
  });

  const counted = (scribe: Scribe) => folded(scribe, 'tasks').fanoutProgress.get('t1', 'f1');
  const sums = { queued: 2, running: 1, succeeded: 1, failed: 1, not_started: 1, unknown: 1 };

  it('counts the members while it runs, each in one place', () => {
    const scribe = new Scribe('tasks');
    writeFanout(scribe, 'f1');
    writeFanout(scribe, 'f2');
    writeTask(scribe, 'k1');
    expect(counted(scribe)).toMatchObject(sums);
    const member = { task_id: 'f1.1', life: 1, attempt: 2, agent_id: 'a1' };
    scribe.event('task.leased', { ...member, lease_ms: 1, decision });
    expect(counted(scribe)).toMatchObject({ ...sums, queued: 1, running: 2 });
    const end = { end: 'failed', outcome: 'exited', exit_code: 1, reason: 'exit_nonzero' } as const;
    scribe.event('task.ended', { ...member, ...end, life: 2, attempts_used: 2 });
    scribe.event('task.report-ignored', { ...member, outcome: 'exited', exit_code: 9, current_attempt: 3 });
    expect(counted(scribe)).toMatchObject({ ...sums, queued: 1, running: 2 });
    scribe.event('task.ended', { ...member, ...end, attempts_used: 2 });
    expect(counted(scribe)).toMatchObject({ ...sums, queued: 1, running: 1, failed: 2 });
  });

  it('needs no count of one that has ended, and has none of one that began before counts', () => {
    const scribe = new Scribe('tasks');
    writeFanout(scribe, 'f1');
    const [claim, started, ...rest] = eventsOf(scribe, 'tasks');
    const rows = new ViewRows();
    foldEvents([claim!, started!], rows);
    rows.fanoutProgress.delete('t1', 'f1');
    foldEvents(rest, rows);
    expect(rows.fanoutProgress.all()).toEqual([]);
    const counts = { succeeded: 8, failed: 0, not_started: 0, unknown: 0 };
    scribe.event('fanout.ended', { fanout_id: 'f1', reason: 'fanout_complete', ...counts, members: [] });
    expect(counted(scribe)).toBeUndefined();
    expect(folded(scribe, 'tasks').fanouts.get('t1', 'f1')).toMatchObject({ counts });
  });

  it('shows one that was rejected', () => {
    const scribe = new Scribe('tasks');
    scribe.event('fanout.rejected', { fanout_id: 'f1', reason: 'no_agent_matches', message: 'none' });
    expect(folded(scribe, 'tasks').fanouts.get('t1', 'f1')).toMatchObject({
      phase: 'rejected',
      reason: 'no_agent_matches',
      spec: null,
      members: [],
    });
  });
});
