import {
  journalFlaws,
  queueFlaws,
  staleReportFlaws,
  successFlaws,
  taskFlaws,
  witnessFlaws,
  type LoggedCommand,
} from './checks.js';
import { type JournalEvent, type JournalPartition } from './journal.js';
import { type Outcome, type Submission } from './submissions.js';
import { testimonyOf } from './witness.js';

/** The judges themselves, on histories made by hand: a judge that finds nothing proves nothing. */

function history(...entries: [type: string, data?: object, commandId?: string][]): JournalEvent[] {
  return entries.map(([type, data = {}, commandId = null], offset) => ({
    context: 'tasks',
    partition: 0,
    offset,
    type,
    timeMs: offset,
    tenantId: 't',
    commandId,
    data: { task_id: 'a', life: 1, ...data },
    term: '1.1',
  }));
}

const end = (data: object = {}): [string, object] => ['task.ended', { end: 'failed', reason: 'x', ...data }];
const succeeded = end({ end: 'succeeded', attempt: 1, agent_id: 'agent' });

describe('taskFlaws', () => {
  it('finds nothing in a life with a retry, and in a rejection', () => {
    const good = history(
      ['task.queued'],
      ['task.leased', { attempt: 1 }],
      ['task.started', { attempt: 1 }],
      ['task.attempt-ended', { attempt: 1 }],
      ['task.leased', { attempt: 2 }],
      end({ attempt: 2 }),
      ['task.report-ignored', { attempt: 1 }],
    );
    expect(taskFlaws(good)).toEqual([]);
    expect(taskFlaws(history(['task.rejected']))).toEqual([]);
  });

  it.each([
    ['no end', [['task.queued']], /0 ends/],
    ['two ends', [['task.queued'], end(), end()], /after its end/],
    ['a lease after the end', [['task.queued'], end(), ['task.leased', { attempt: 1 }]], /after its end/],
    ['two live leases', [['task.queued'], lease(1), lease(2), end()], /while the lease of 1 lives/],
    ['an attempt used again', [['task.queued'], lease(1), retry(1), lease(1), end()], /follows/],
    [
      'a start without a lease',
      [['task.queued'], ['task.started', { attempt: 1 }], end()],
      /without its lease/,
    ],
    ['a success that was never leased', [['task.queued'], succeeded], /live is null/],
    ['an end that says no reason', [['task.queued'], end({ reason: '' })], /without a reason/],
    ['a second opening', [['task.queued'], ['task.queued'], end()], /queued again/],
    ['an end of nothing', [end()], /never opened/],
  ] as [string, [string, object?][], RegExp][])('finds %s', (_name, entries, flaw) => {
    expect(taskFlaws(history(...entries)).join('; ')).toMatch(flaw);
  });
});

function lease(attempt: number): [string, object] {
  return ['task.leased', { attempt }];
}

function retry(attempt: number): [string, object] {
  return ['task.attempt-ended', { attempt }];
}

describe('queueFlaws', () => {
  const submission = (outcome: Outcome, more: Partial<Submission> = {}): Submission => ({
    name: 'n',
    key: null,
    tries: [{ outcome, status: 202, commandId: 'c' }],
    taskIds: ['a'],
    ...more,
  });
  const logged: LoggedCommand = { commandId: 'c', type: 'task.submit', taskId: 'a', name: 'n' };
  const queued = history(['task.queued', {}, 'c']);

  it('finds nothing when what was acknowledged is there once, or an unknown outcome either way', () => {
    expect(queueFlaws([submission('accepted')], [logged], queued)).toEqual([]);
    expect(queueFlaws([submission('unknown')], [logged], queued)).toEqual([]);
    expect(queueFlaws([submission('unknown')], [], [])).toEqual([]);
  });

  it.each([
    ['a lost command', [submission('accepted')], [], [], /lost/],
    ['a doubled command', [submission('accepted')], [logged, logged], queued, /2 times/],
    [
      'a command without an answer',
      [submission('unknown')],
      [logged],
      history(['task.queued']),
      /never answered/,
    ],
    ['what surely was not written', [submission('not-written')], [logged], queued, /said not to be written/],
    [
      'what surely was not written, by its name',
      [submission('not-written', { tries: [{ outcome: 'not-written', status: 503, commandId: null }] })],
      [logged],
      queued,
      /each time, and is logged/,
    ],
    ['a key with two ids', [submission('accepted', { taskIds: ['a', 'b'] })], [logged], queued, /2 ids/],
    ['a task opened twice', [submission('accepted')], [logged], [...queued, ...queued], /opened 2 times/],
    ['what nobody asked for', [], [logged], queued, /nobody submitted/],
    [
      'one unkeyed submission under two commands',
      [submission('unknown')],
      [logged, { ...logged, commandId: 'd' }],
      history(['task.queued', {}, 'c'], ['command.accepted', {}, 'd']),
      /n is logged 2 times/,
    ],
  ] as [string, Submission[], LoggedCommand[], JournalEvent[], RegExp][])(
    'finds %s',
    (_name, submissions, commands, events, flaw) => {
      expect(queueFlaws(submissions, commands, events).join('; ')).toMatch(flaw);
    },
  );
});

describe('successFlaws', () => {
  it('finds a task that could succeed and did not', () => {
    const tries = [{ outcome: 'accepted', status: 202, commandId: 'c' }] as const;
    const submission = { name: 'n', key: null, tries: [...tries], taskIds: ['a'] };
    expect(successFlaws([submission], history(['task.queued'], succeeded))).toEqual([]);
    expect(successFlaws([submission], history(['task.queued'], end()))).toHaveLength(1);
    expect(successFlaws([submission], [])).toHaveLength(1);
  });
});

describe('witnessFlaws', () => {
  const events = history(['task.queued'], lease(1), succeeded);
  const instances = new Map([['agent', 'mark']]);
  const testifying = new Set(['a']);
  const flaws = (...lines: string[]) => witnessFlaws(lines.map(testimonyOf), events, testifying, instances);

  it('finds nothing when the winning attempt ran through on its machine', () => {
    expect(flaws('start a 1 mark 7', 'stop a 1 mark 7')).toEqual([]);
  });

  it('finds a success without its run, and runs side by side', () => {
    expect(flaws('start a 1 mark 7')).toHaveLength(1);
    expect(flaws('start a 2 mark 7', 'stop a 2 mark 7')).toHaveLength(1);
    expect(flaws('start a 1 other 7', 'stop a 1 other 7')).toHaveLength(1);
    expect(flaws('stop a 1 mark 7', 'overlap a 2 mark 8')).toHaveLength(1);
  });
});

describe('journalFlaws', () => {
  const partition = (terms: number[], corrupt: string[] = []): JournalPartition => ({
    context: 'tasks',
    partition: 0,
    events: [],
    claims: terms.map((term, offset) => ({ context: 'tasks', partition: 0, offset, term, owner: 'o' })),
    skipped: {},
    corrupt,
    end: { next: 0, epoch: 0, term: 0, owner: '', seq: 0, hash: '' },
  });

  it('finds corruption and terms that do not rise', () => {
    expect(journalFlaws([partition([1, 2, 5])])).toEqual([]);
    expect(journalFlaws([partition([1, 2, 2])])).toHaveLength(1);
    expect(journalFlaws([partition([1], ['seq jumps'])])).toHaveLength(1);
  });
});

describe('staleReportFlaws', () => {
  const lapsed = { outcome: 'lease_expired', attempt: 1, agent_id: 'agent' };
  const begun = [testimonyOf('start a 1 machine 7')];
  const machines = new Map([['agent', 'machine']]);

  it('misses the report of a run that was given up', () => {
    const flaws = staleReportFlaws(begun, history(['task.attempt-ended', lapsed]), machines);
    expect(flaws).toEqual([expect.stringMatching(/a 1 machine/)]);
  });

  it('finds nothing when it is on record, when nothing ran, and when the agent itself gave up', () => {
    const ended: [string, object] = ['task.attempt-ended', lapsed];
    const late: [string, object] = ['task.report-ignored', { attempt: 1, agent_id: 'agent' }];
    expect(staleReportFlaws(begun, history(ended, late), machines)).toEqual([]);
    expect(staleReportFlaws([], history(ended), machines)).toEqual([]);
    const told = history(['task.attempt-ended', { ...lapsed, duration_ms: 5 }]);
    expect(staleReportFlaws(begun, told, machines)).toEqual([]);
  });
});
