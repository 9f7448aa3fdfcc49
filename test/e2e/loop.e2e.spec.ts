import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compliant, drained, stopAndAudit } from './support/audit.js';
import { eventually } from './support/eventually.js';
import { sharedInfra, type Infra } from './support/infra.js';
import { Submitter } from './support/submissions.js';
import { TestSystem } from './support/system.js';
import { Witness } from './support/witness.js';

/**
 * The whole loop with real processes: declared, drifted, remediated, verified; and all that a user can do
 * with a state or a task on the way. At the end everything that was recorded is held against the promises.
 */

jest.setTimeout(180_000);

let infra: Infra;
let system: TestSystem;
let witness: Witness;
let submitter: Submitter;
let files: string;

beforeAll(async () => {
  infra = await sharedInfra();
  const agents = [
    { name: 'one', labels: 'role=web' },
    { name: 'two', labels: 'role=web' },
  ];
  system = await TestSystem.start(infra, { agents });
  witness = new Witness(join(system.folder, 'witness'));
  submitter = new Submitter(system.rest, 'loop');
  files = join(system.folder, 'files');
  mkdirSync(files);
});

afterAll(async () => {
  await system?.remove();
  await infra?.stop();
});

/** A state that wants a file with this content; `$FLUXFORGE_...` tells nothing of the agent, so `name` does. */
function fileState(name: string, content: string, more: object = {}) {
  const file = join(files, name);
  return {
    name,
    check_cmd: `test "$(cat ${file} 2>/dev/null)" = ${content}`,
    apply_cmd: `echo ${content} > ${file}`,
    selector: 'role=web',
    interval: '1s',
    env: system.mark,
    max_concurrency: '100%',
    backoff: { base: '500ms', max: '2s' },
    ...more,
  };
}

const read = (name: string): string => readFileSync(join(files, name), 'utf8').trim();
const remove = (name: string): void => rmSync(join(files, name));
const states: string[] = [];

async function declare(body: object): Promise<string> {
  const { id } = await system.rest.write('POST', '/v1/states', { body });
  states.push(id);
  return id;
}

describe('a desired state', () => {
  it('is declared, found drifted, remediated and verified', async () => {
    const id = await declare(fileState('motd', 'hello'));
    await compliant(system, id, 60_000);
    expect(read('motd')).toBe('hello');
    const types = system.journal.events.filter((e) => e.data['state_id'] === id).map((e) => e.type);
    const order = ['state.declared', 'drift.detected', 'remediation.requested', 'compliance.restored'];
    expect(order.map((type) => types.indexOf(type))).toEqual(
      order.map((type) => types.indexOf(type)).sort((a, b) => a - b),
    );
    expect(types).toEqual(expect.arrayContaining(order));
  });

  it('is true again within its interval and 2 s after a managed file is deleted', async () => {
    const [id] = states;
    const tookMs: number[] = [];
    for (let round = 1; round <= 3; round += 1) {
      const from = system.journal.events.length;
      remove('motd');
      const startedMs = performance.now();
      await eventually('the file is back', () => existsSync(join(files, 'motd')), 30_000, 10);
      tookMs.push(performance.now() - startedMs);
      await eventually('the restoration is in the log', () =>
        system.journal.find('compliance.restored', { state_id: id }, from),
      );
      await compliant(system, String(id), 30_000);
    }
    // Interval 1 s and 2 s more. The machine may be busy with other things in one round, not in all.
    expect(Math.min(...tookMs)).toBeLessThanOrEqual(3_000);
  });

  it('follows an update, rests while suspended, and is left alone once deleted', async () => {
    const id = await declare(fileState('config', 'v1'));
    await compliant(system, id, 60_000);
    await system.rest.write('PATCH', `/v1/states/${id}`, { body: { ...fileState('config', 'v2') } });
    await eventually('the file has the new content', () => read('config') === 'v2');
    await compliant(system, id, 60_000);
    const { generation } = await system.rest.get(`/v1/states/${id}`);
    expect(generation).toBe(2);

    await system.rest.write('POST', `/v1/states/${id}/suspend`);
    await eventually('suspended', () => system.journal.find('state.suspended', { state_id: id }));
    remove('config');
    // Another state with the same interval is checked and mended meanwhile: time has passed, not only here.
    await mendedOnce(String(states[0]), 'motd');
    expect(existsSync(join(files, 'config'))).toBe(false);

    await system.rest.write('POST', `/v1/states/${id}/resume`);
    await eventually('the file is back', () => existsSync(join(files, 'config')));
    await compliant(system, id, 60_000);

    const { token } = await system.rest.write('DELETE', `/v1/states/${id}`);
    await eventually('deleted', () => system.journal.find('state.deleted', { state_id: id }));
    remove('config');
    await mendedOnce(String(states[0]), 'motd');
    expect(existsSync(join(files, 'config'))).toBe(false);
    const gone = await system.rest.send('GET', `/v1/states/${id}?min_position=${token}`);
    expect(gone).toMatchObject({ status: 404 });
    states.splice(states.indexOf(id), 1);
  });

  it('is gained by an agent that joins later', async () => {
    const id = await declare(fileState('late', 'x', { selector: 'role=late' }));
    await system.addAgent({ name: 'late', labels: 'role=late' });
    await compliant(system, id, 60_000);
    expect(read('late')).toBe('x');
    const { agentId } = system.identity('late');
    const targets = await system.rest.all(`/v1/states/${id}/targets`);
    expect(targets.map((target) => target['agent_id'])).toEqual([agentId]);
  });
});

async function mendedOnce(id: string, name: string): Promise<void> {
  const from = system.journal.events.length;
  remove(name);
  await eventually('another state is mended', () =>
    system.journal.find('compliance.restored', { state_id: id }, from),
  );
}

describe('a task', () => {
  const ended = (id: string) => eventually(`task ${id} ends`, () => system.journal.end(id));

  it('runs, and its output comes in order', async () => {
    const submission = submitter.begin(false);
    const command = 'i=1; while [ $i -le 300 ]; do echo line $i; i=$((i+1)); done';
    const body = { command, env: system.mark };
    expect(await submitter.send(submission, body)).toMatchObject({ outcome: 'accepted' });
    const id = String(submission.taskIds[0]);
    expect((await ended(id)).data).toMatchObject({ end: 'succeeded', reason: 'exit_zero', attempt: 1 });
    const expected = Array.from({ length: 300 }, (_, i) => `line ${i + 1}\n`).join('');
    const output = await eventually('the whole output', async () => {
      const answer = await system.rest.send('GET', `/v1/tasks/${id}/output?format=text&limit=200`);
      return answer.kind === 'answered' && answer.text.length >= expected.length && answer.text;
    });
    expect(output).toBe(expected);
    // It testifies of nothing; what the audit asks of tasks that do would not hold.
    submission.taskIds.splice(0);
  });

  it('is told from one that fails by its end and its reason', async () => {
    const submission = submitter.begin(false);
    const body = { command: witness.command(0, 3), env: system.mark, max_attempts: 1 };
    await submitter.send(submission, body);
    const end = await ended(String(submission.taskIds[0]));
    expect(end.data).toMatchObject({ end: 'failed', exit_code: 3, attempts_used: 1 });
  });

  it('is stopped when it is cancelled while it runs', async () => {
    const submission = submitter.begin(false);
    await submitter.send(submission, { command: witness.command(300), env: system.mark, kill_grace: '1s' });
    const id = String(submission.taskIds[0]);
    await eventually('it runs', () => witness.read().some((t) => t.taskId === id));
    const { command_id } = await system.rest.write('POST', `/v1/tasks/${id}/cancel`, { body: {} });
    expect((await ended(id)).data).toMatchObject({ end: 'cancelled', reason: 'cancelled_by_user' });
    const answer = await eventually('the command is decided', async () => {
      const command = await system.rest.get(`/v1/commands/${command_id}`);
      return command['state'] !== 'pending' && command;
    });
    expect(answer['state']).toBe('accepted');
    expect(witness.read().filter((t) => t.taskId === id && t.what === 'stop')).toEqual([]);
  });

  it('is the same task when its key is used again, over a kill -9 of the dispatcher', async () => {
    const submission = submitter.begin(true);
    const body = { command: witness.command(0.2), env: system.mark };
    await submitter.send(submission, body);
    await system.leader()?.kill9();
    expect(await submitter.send(submission, body)).toMatchObject({ outcome: 'accepted' });
    const id = String(submission.taskIds[0]);
    await ended(id);
    expect(await submitter.send(submission, body)).toMatchObject({ outcome: 'accepted' });
    const last = submission.tries.at(-1)?.commandId;
    await eventually('the last one is answered', () =>
      system.journal.events.find((event) => event.commandId === last),
    );
    expect(submission.taskIds).toEqual([id]);
    expect(system.journal.all('task.queued', { task_id: id })).toHaveLength(1);
    expect(witness.read().filter((t) => t.taskId === id && t.what === 'stop')).toHaveLength(1);
    const other = await system.rest.send('POST', '/v1/tasks', {
      body: { name: submission.name, command: 'true' },
      headers: { 'idempotency-key': String(submission.key) },
    });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  it('may be read right after it was written, with the token of the write', async () => {
    const submission = submitter.begin(false);
    const body = { name: submission.name, command: witness.command(0), env: system.mark };
    const { id, token, command_id } = await system.rest.write('POST', '/v1/tasks', { body });
    submission.taskIds.push(id);
    submission.tries.push({ outcome: 'accepted', status: 202, commandId: command_id });
    const task = await system.rest.get(`/v1/tasks/${id}?min_position=${token}&wait_ms=20000`);
    expect(task).toMatchObject({ id, name: submission.name });
  });

  it('whose agent is killed when it has reported, and not sent all output, says what is missing', async () => {
    const submission = submitter.begin(false);
    const go = join(system.folder, 'go');
    const command = `echo before; until test -e ${go}; do sleep 0.1; done; echo after; echo error >&2`;
    const { agentId } = system.identity('two');
    await submitter.send(submission, { command, env: system.mark, agent_id: agentId });
    const id = String(submission.taskIds.splice(0)[0]);
    const textOf = async (of: string): Promise<string | false> => {
      const answer = await system.rest.send('GET', `/v1/tasks/${of}/output?format=text`);
      return answer.kind === 'answered' && answer.status === 200 && answer.text;
    };
    await eventually('what it printed at first has come', async () => (await textOf(id)) === 'before\n');
    // Nobody takes output from here on; what the API has not read yet goes with it.
    system.api.pause();
    writeFileSync(go, '');
    const printed = { stdout_bytes: 13, stderr_bytes: 6, truncated: false };
    expect((await ended(id)).data).toMatchObject({ end: 'succeeded', attempt: 1, output: printed });
    await system.agent('two').hold();
    await system.api.kill9();
    const missing = { stdout_bytes: 6, stderr_bytes: 6 };
    const page = () => system.rest.get(`/v1/tasks/${id}/output?limit=200`);
    await eventually('what is missing is said', async () => (await page())['missing'] !== null);
    // The agent has nothing more of it, and what runs there now is whole.
    await system.agent('two').start();
    const later = submitter.begin(false);
    await submitter.send(later, { command: 'echo whole', env: system.mark, agent_id: agentId });
    const laterId = String(later.taskIds.splice(0)[0]);
    await ended(laterId);
    await eventually('the later output is whole', async () => (await textOf(laterId)) === 'whole\n');
    expect(await page()).toMatchObject({ next_cursor: null, missing });
    expect(await textOf(id)).toBe('before\n\n[12 bytes are missing]\n');
  });
});

it('leaves behind what was promised', async () => {
  await drained(system, states, 120_000);
  const { flaws, ends } = await stopAndAudit(system, { submissions: submitter.submissions, witness });
  expect(flaws).toEqual([]);
  expect(ends['succeeded']).toBeGreaterThan(5);
});
