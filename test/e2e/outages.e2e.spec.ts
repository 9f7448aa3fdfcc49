import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { header } from '@fluxforge/events/envelope';
import { type LogRecord } from '@fluxforge/events/log';
import { compliant, drained, stopAndAudit } from './support/audit.js';
import { eventually } from './support/eventually.js';
import { OwnInfra } from './support/infra.js';
import { readAll, type JournalEvent } from './support/journal.js';
import { processesWith } from './support/process-table.js';
import { Submitter, type Submission } from './support/submissions.js';
import { TestSystem } from './support/system.js';
import { Witness } from './support/witness.js';

/**
 * Kafka, Postgres, a dispatcher, an agent: each away for a while, in each of the ways in which it can be
 * away, under one system. What is accepted meanwhile is done; what cannot be known is said so; and when all is
 * back the loop closes. At the end everything that was recorded is held against what was promised.
 */

jest.setTimeout(240_000);

/** An answer must have come by then: the API's own deadlines, with room for a busy machine. */
const answerMs = 20_000;
/** Back at work after an outage: group sessions, backoff and claims included. */
const healedMs = 90_000;

let folder: TestSystem['folder'];
let infra: OwnInfra;
let system: TestSystem;
let witness: Witness;
let submitter: Submitter;
let stateId: string;
let file: string;

beforeAll(async () => {
  infra = await OwnInfra.start();
  const agents = ['one', 'two'].map((name) => ({ name, labels: `host=${name}` }));
  system = await TestSystem.start(infra, { agents, dispatchers: 2 });
  folder = system.folder;
  witness = new Witness(join(folder, 'witness'));
  submitter = new Submitter(system.rest, 'outage');
  mkdirSync(join(folder, 'files'));
  file = join(folder, 'files', 'managed');
  ({ id: stateId } = await system.rest.write('POST', '/v1/states', { body: stateBody('managed') }));
  await compliant(system, stateId, healedMs);
});

/** A test that failed half way must not be the reason why the next one fails. */
afterEach(async () => {
  await infra.heal();
  for (const one of system.all) one.resume();
});

afterAll(async () => {
  await system?.remove();
  await infra?.stop();
});

function stateBody(name: string) {
  const path = join(folder, 'files', name);
  return {
    name,
    check_cmd: `test -e ${path}`,
    apply_cmd: `echo x > ${path}`,
    selector: 'host=one',
    interval: '1s',
    max_failures: '100%',
    attempts: 50,
    backoff: { base: '500ms', max: '2s' },
    env: system.mark,
  };
}

function taskBody(seconds = 0.1) {
  const backoff = { base: '200ms', max: '1s' };
  return { command: witness.command(seconds), env: system.mark, max_attempts: 20, backoff };
}

async function accepted(body: object = taskBody()): Promise<string> {
  const submission = submitter.begin(true);
  const startedMs = performance.now();
  expect(await submitter.send(submission, body)).toMatchObject({ outcome: 'accepted' });
  expect(performance.now() - startedMs).toBeLessThan(answerMs);
  return String(submission.taskIds[0]);
}

const ended = (id: string, deadlineMs = healedMs): Promise<JournalEvent> =>
  eventually(`task ${id} ends`, () => system.journal.end(id), deadlineMs);

/** The managed file is deleted; the log says that the loop has closed, with or without read models. */
async function loopCloses(): Promise<void> {
  const from = system.journal.events.length;
  if (existsSync(file)) rmSync(file);
  const restored = () => system.journal.find('compliance.restored', { state_id: stateId }, from);
  await eventually('the loop closes', restored, healedMs);
  expect(existsSync(file)).toBe(true);
}

async function succeeds(id: string): Promise<void> {
  expect((await ended(id)).data).toMatchObject({ end: 'succeeded' });
}

/** The system takes, does and shows a task. */
async function allIsWell(): Promise<void> {
  await eventually('the API takes writes', () => worksOnce(), healedMs, 200);
  await loopCloses();
  const id = await accepted();
  await succeeds(id);
  await shown(id);
}

async function worksOnce(): Promise<boolean> {
  const submission = submitter.begin(true);
  const { outcome } = await submitter.send(submission, taskBody());
  return outcome === 'accepted';
}

async function shown(id: string): Promise<void> {
  await eventually(
    `the read model shows the end of ${id}`,
    async () => {
      const task = await system.rest.get(`/v1/tasks/${id}`);
      return (task['status'] as { phase: string }).phase === 'ended';
    },
    healedMs,
  );
}

describe.each([
  { how: 'does not answer', away: async () => infra.pausePostgres() },
  { how: 'is dead', away: () => infra.killPostgres() },
])('while Postgres $how', ({ how, away }) => {
  it('writes are taken, tasks and states go on, reads say so; then the read models catch up', async () => {
    await away();
    const id = await accepted();
    const name = how.replaceAll(' ', '-');
    const startedMs = performance.now();
    const other = await system.rest.write('POST', '/v1/states', { body: stateBody(name) });
    expect(performance.now() - startedMs).toBeLessThan(answerMs);
    await succeeds(id);
    await loopCloses();
    await eventually('the other state is met', () => existsSync(join(folder, 'files', name)), healedMs);
    const askedMs = performance.now();
    const read = await system.rest.send('GET', `/v1/tasks/${id}`);
    expect(read).toMatchObject({ status: 503, body: { code: 'reads_unavailable' } });
    expect(performance.now() - askedMs).toBeLessThan(answerMs);
    await infra.heal();
    await shown(id);
    await compliant(system, other.id, healedMs);
    await system.rest.write('DELETE', `/v1/states/${other.id}`);
  });
});

it('the processes that take and do work start anew without Postgres', async () => {
  await infra.killPostgres();
  const writers = [system.api, ...system.dispatchers, system.reconciler];
  await Promise.all(writers.map((one) => one.kill9()));
  await eventually('the API takes writes', () => worksOnce(), healedMs, 200);
  await succeeds(await accepted());
  await loopCloses();
  await infra.heal();
  await allIsWell();
});

describe('while Kafka', () => {
  it('does not answer, a write is told to be unknown, with the id to ask for', async () => {
    const before = await accepted(taskBody(3));
    await eventually('it is shown', () => system.rest.get(`/v1/tasks/${before}`));
    const { keyed, made } = await unknownWrite();
    expect(made.commandId).toMatch(/^cmd/);
    expect(keyed.taskIds).toHaveLength(1);
    // Reads need no log.
    expect(await system.rest.send('GET', `/v1/tasks/${before}`)).toMatchObject({ status: 200 });
    await infra.heal();
    // By its id it is told whether it landed; repeated, it is the same task whichever way it was.
    const known = () => outcomeOf(String(made.commandId));
    const landed = await eventually('the outcome is known', known, healedMs);
    const [id] = keyed.taskIds;
    if (landed === 'accepted') expect(system.journal.find('task.queued', { task_id: id })).toBeDefined();
    await eventually('it is taken', () => repeated(keyed), healedMs, 200);
    expect(keyed.taskIds).toEqual([id]);
    expect(['accepted', 'absent']).toContain(landed);
    await succeeds(String(id));
    await succeeds(before);
    await allIsWell();
  });

  it('is killed, a write is told to be surely not written; restarted, the loop closes', async () => {
    const running = await accepted(taskBody(4));
    await eventually('it runs', () => witness.read().some((t) => t.taskId === running));
    await infra.killKafka();
    const refused = submitter.begin(true);
    const startedMs = performance.now();
    const made = await submitter.send(refused, taskBody());
    expect(made).toMatchObject({ outcome: 'not-written', status: 503 });
    expect(performance.now() - startedMs).toBeLessThan(answerMs);
    await infra.heal();
    await eventually('the refused one is taken', () => repeated(refused), healedMs, 200);
    await succeeds(String(refused.taskIds[0]));
    await succeeds(running);
    await allIsWell();
  });

  it('and Postgres are killed together, nothing accepted is lost', async () => {
    const ids = await Promise.all([0.1, 1, 3, 6].map((seconds) => accepted(taskBody(seconds))));
    await Promise.all([infra.killKafka(), infra.killPostgres()]);
    await infra.heal();
    for (const id of ids) await succeeds(id);
    await allIsWell();
  });
});

/**
 * Pauses Kafka and writes, until a write has been sent that nobody answers. One that had to ask first who
 * leads the partition was not sent, and is told to be surely not written; one that came just before the
 * broker stood still is taken. The audit holds both to that.
 */
async function unknownWrite() {
  for (let round = 1; ; round++) {
    infra.pauseKafka();
    const keyed = submitter.begin(true);
    const startedMs = performance.now();
    const sent = [submitter.send(keyed, taskBody()), submitter.send(submitter.begin(false), taskBody())];
    const [made, other] = await Promise.all(sent);
    expect(performance.now() - startedMs).toBeLessThan(answerMs);
    // The second waits behind the first, and may never be sent: then surely nothing of it was written.
    expect([202, 503, 504]).toContain(other?.status);
    if (made?.status === 504) {
      expect(made.outcome).toBe('unknown');
      return { keyed, made };
    }
    expect([202, 503]).toContain(made?.status);
    expect(round).toBeLessThan(6);
    await infra.heal();
    await eventually('the API takes writes', () => worksOnce(), healedMs, 200);
  }
}

async function outcomeOf(commandId: string): Promise<string | null> {
  const answer = await system.rest.send('GET', `/v1/commands/${commandId}`);
  if (answer.kind !== 'answered' || answer.body['state'] === 'pending') return null;
  return answer.status === 404 ? 'absent' : String(answer.body['state']);
}

async function repeated(submission: Submission): Promise<boolean> {
  return (await submitter.send(submission, taskBody())).outcome === 'accepted';
}

describe('a poison record', () => {
  const poisons = (id: string): { name: string; record: LogRecord }[] => {
    const headers = (type: string, named: boolean) => ({
      e2e_poison: 'yes',
      [header.type]: type,
      [header.tenant]: system.tenantId,
      ...(named ? { [header.id]: id } : {}),
    });
    const value = (text: string) => Buffer.from(text);
    const key = system.tenantId;
    return [
      {
        name: 'not JSON',
        record: { key, value: value('{"task_id":'), headers: headers('task.submit.v1', true) },
      },
      {
        name: 'unknown type',
        record: { key, value: value('{}'), headers: headers('task.explode.v1', true) },
      },
      {
        name: 'wrong shape',
        record: { key, value: value('{"a":1}'), headers: headers('state.declare.v1', true) },
      },
      {
        name: 'without an id',
        record: { key, value: value('{}'), headers: headers('task.submit.v1', false) },
      },
      { name: 'without headers', record: { key, value: null, headers: { e2e_poison: 'yes' } } },
    ];
  };

  it.each(['tasks', 'states'] as const)(
    'in %s.commands is parked and answered, and the rest goes on',
    async (context) => {
      const topic = system.topics.commands[context];
      const tp = { topic, partition: system.partition };
      const placed: { name: string; offset: number; id: string; record: LogRecord }[] = [];
      for (const [i] of poisons('').entries()) {
        const id = `cmd-poison-${context}-${i}`;
        const { name, record } = poisons(id)[i] ?? {
          name: '',
          record: { key: null, value: null, headers: {} },
        };
        const offset = await system.log.append(tp, [record], { timeoutMs: 10_000, concurrent: true });
        placed.push({ name, offset, id, record });
      }
      await succeeds(await accepted());
      await loopCloses();
      const letters = await readAll(system.log, system.topics.deadLetters, system.partition);
      for (const { name, offset, id, record } of placed) {
        const parked = letters.filter(
          ({ headers }) => headers['ff_dead_topic'] === topic && headers['ff_dead_offset'] === String(offset),
        );
        expect([name, parked.length]).toEqual([name, 1]);
        expect(parked[0]?.headers['ff_dead_reason']).toMatch(/\w+/);
        expect(parked[0]?.value).toEqual(record.value);
        const rejection = system.journal.find('command.rejected', { command_id: id });
        expect([name, rejection !== undefined]).toEqual([name, header.id in record.headers]);
      }
      const answer = await eventually('the answer can be read', async () => {
        const command = await system.rest.get(`/v1/commands/${placed[0]?.id}`);
        return command['state'] !== 'pending' && command;
      });
      expect(answer).toMatchObject({ state: 'rejected', code: 'invalid' });
    },
  );
});

describe('a dispatcher that is stopped for longer than a lease', () => {
  it('is replaced, and falls silent when it wakes up', async () => {
    const stale = await eventually('somebody leads', () => system.leader(), healedMs);
    // It is stopped with work in its hands: one that runs, some that it has just been given.
    const running = await accepted(taskBody(5));
    await eventually('it runs', () => witness.read().some((t) => t.taskId === running));
    const given = await Promise.all([1, 2, 3].map(() => accepted()));
    const stoppedMs = performance.now();
    stale.pause();
    const from = system.journal.events.length;
    await eventually('another one leads', () => system.leader() !== stale && system.leader(), healedMs);
    const during = await accepted();
    for (const id of [running, ...given, during]) await succeeds(id);
    await loopCloses();
    // Lease and margin are 20 s: every lease that it knew of is over when it wakes up.
    await eventually('the leases it knew are over', () => performance.now() - stoppedMs > 21_000);
    const leased = system.journal.events.length;
    expect(leased).toBeGreaterThan(from);
    stale.resume();
    await eventually('the stale one knows', () => fallen(stale.lines()), healedMs);
    await allIsWell();
    expect(system.leader()).not.toBe(stale);
  });

  function fallen(lines: readonly { readonly msg: string; readonly [field: string]: unknown }[]): boolean {
    return lines
      .filter((line) => line['context'] === 'tasks' && line['partition'] === system.partition)
      .some((line) => line.msg === 'no longer leading');
  }
});

describe('an agent that is stopped for longer than its lease', () => {
  it('loses its task to another one, and stops its own run when it wakes up', async () => {
    const [script, ...rest] = witness.command(0.1).slice(1);
    const slowFirst = `[ "$FLUXFORGE_ATTEMPT" = 1 ] && sleep 600; exec /bin/sh ${script} ${rest.join(' ')}`;
    const id = await accepted({ ...taskBody(), command: slowFirst });
    const first = await eventually('it is started', () =>
      system.journal.find('task.started', { task_id: id }),
    );
    const names = ['one', 'two'] as const;
    const victim = names.find((name) => system.identity(name).agentId === first.data['agent_id']) ?? 'one';
    const other = names.find((name) => name !== victim) ?? 'two';
    system.agent(victim).pause();
    const attempt = await eventually(
      'the attempt is given up',
      () => system.journal.find('task.attempt-ended', { task_id: id, attempt: 1 }),
      healedMs,
    );
    expect(attempt.data).toMatchObject({ outcome: 'lease_expired' });
    const end = await ended(id);
    expect(end.data).toMatchObject({
      end: 'succeeded',
      attempt: 2,
      agent_id: system.identity(other).agentId,
    });
    expect(processesWith('FLUXFORGE_TASK_ID', id)).not.toEqual([]);
    system.agent(victim).resume();
    await eventually('its own run is stopped', () => processesWith('FLUXFORGE_TASK_ID', id).length === 0);
    const back = { agent_id: system.identity(victim).agentId };
    await eventually(
      'it is found again',
      () => system.journal.find('agent.found', back, end.offset),
      healedMs,
    );
    await allIsWell();
  });
});

it('leaves behind what was promised', async () => {
  await drained(system, [stateId], 120_000);
  const { flaws } = await stopAndAudit(system, { submissions: submitter.submissions, witness });
  expect(flaws).toEqual([]);
});
