import { createHash, randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  CheckOutcome,
  GapCause,
  type Lease,
  Outcome,
  OutputStream,
  Refusal,
  type Surroundings,
} from '@fluxforge/agent-protocol';
import {
  AgentProcess,
  type AgentProcessSettings,
  FakeControlPlane,
  compileAgent,
  keyOf,
  processesWith,
  scratchFolder,
  until,
} from '@fluxforge/testing/fake-control-plane';
import { Journal } from './journal/index.js';
import { agentSettings } from './settings.js';

jest.setTimeout(60_000);

let plane: FakeControlPlane;
let folder: ReturnType<typeof scratchFolder>;
let agents: AgentProcess[];
let runId: string;

function start(more: Partial<AgentProcessSettings> = {}): AgentProcess {
  const env = { FLUXFORGE_RUN_ID: runId };
  const agent = new AgentProcess({ apiUrl: plane.api.url, dataDir: join(folder.path, 'data'), env, ...more });
  agents.push(agent);
  return agent;
}

async function startConnected(more: Partial<AgentProcessSettings> = {}): Promise<AgentProcess> {
  const before = plane.dispatcher.messages('inventory').length;
  const agent = start(more);
  await plane.dispatcher.heard.nth(before + 1, 'inventory', (one) => one.$case === 'inventory', 20_000);
  return agent;
}

/** Living processes of one task, of this test alone. */
function livingOf(taskId: string): number[] {
  const ours = new Set(processesWith(`FLUXFORGE_RUN_ID=${runId}`));
  return processesWith(`FLUXFORGE_TASK_ID=${taskId}`).filter((pid) => ours.has(pid));
}

const marker = (name: string): string => join(folder.path, name);
const linesOf = (name: string): string[] =>
  existsSync(marker(name)) ? readFileSync(marker(name), 'utf8').split('\n').filter(Boolean) : [];

beforeAll(() => void compileAgent());

beforeEach(async () => {
  plane = new FakeControlPlane();
  await plane.start();
  folder = scratchFolder();
  agents = [];
  runId = randomUUID();
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  for (const pid of processesWith(`FLUXFORGE_RUN_ID=${runId}`)) process.kill(pid, 'SIGKILL');
  await plane.stop();
  folder.remove();
});

describe('a lease', () => {
  it('is accepted, started, its output sent, its result reported until acknowledged', async () => {
    await startConnected();
    const key = keyOf('t-1');
    plane.lease(
      key,
      'echo out; echo err >&2; printf "$GREETING from $FLUXFORGE_TASK_ID/$FLUXFORGE_ATTEMPT"; exit 3',
      {
        surroundings: { env: { GREETING: 'hello' }, cwd: '/tmp', runAs: '' },
      },
    );
    const result = await plane.result(key);
    expect(result).toMatchObject({ outcome: Outcome.EXITED, exitCode: 3, signal: '', term: 1 });
    expect(result).toMatchObject({ stdoutBytes: 20, stderrBytes: 4, outputTruncated: false, error: '' });
    const kinds = plane.dispatcher.heard.all.map((one) => one.$case).filter((kind) => kind !== 'heartbeat');
    expect(kinds).toEqual(['hello', 'inventory', 'accepted', 'started', 'result']);
    const end = await plane.output.end(key);
    const expected = Buffer.from('out\nhello from t-1/1');
    expect(plane.output.bytes(key).toString()).toBe(expected.toString());
    expect(end).toMatchObject({ end: { totalBytes: expected.length } });
    expect(end.$case === 'end' && end.end.sha256.toString('hex')).toBe(
      createHash('sha256').update(expected).digest('hex'),
    );
    await plane.output.end(key, OutputStream.STDERR);
    expect(plane.output.bytes(key, OutputStream.STDERR).toString()).toBe('err\n');
  });

  it.each([
    ['kill -9 $$', { outcome: Outcome.SIGNALLED, signal: 'SIGKILL' }],
    ['kill -TERM $$', { outcome: Outcome.SIGNALLED, signal: 'SIGTERM' }],
    ['no-such-command-here', { outcome: Outcome.EXITED, exitCode: 127 }],
    ['exec 1>&- 2>&-; sleep 0.2; exit 4', { outcome: Outcome.EXITED, exitCode: 4 }],
    ['cat; exit 5', { outcome: Outcome.EXITED, exitCode: 5 }],
    ['sleep 300 & exit 6', { outcome: Outcome.EXITED, exitCode: 6 }],
  ])('ends as the command ended: %s', async (script, expected) => {
    await startConnected();
    plane.lease(keyOf('t-ends'), script);
    expect(await plane.result(keyOf('t-ends'), 5000)).toMatchObject(expected);
  });

  it('keeps every exit code from 0 to 255', async () => {
    await startConnected({ slots: 8 });
    const codes = Array.from({ length: 256 }, (_, code) => code);
    for (let at = 0; at < 256; at += 8) {
      const batch = codes.slice(at, at + 8);
      plane.dispatcher.order(...batch.map((code) => plane.leaseBody(keyOf(`exit-${code}`), `exit ${code}`)));
      const results = await Promise.all(batch.map((code) => plane.result(keyOf(`exit-${code}`))));
      expect(results.map(({ exitCode }) => exitCode)).toEqual(batch);
      expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set([Outcome.EXITED]));
    }
  });

  it.each([
    ['an argument vector that does not exist', { command: argv('/no/such/file') }, /ENOENT/],
    ['a file that may not be executed', { command: argv('/etc/passwd') }, /EACCES/],
    ['a missing working directory', { surroundings: around({ cwd: '/no/such/folder' }) }, /cwd/],
    ['an unknown user', { surroundings: around({ runAs: 'no-such-user' }) }, /run_as/],
  ])('says why it could not be spawned: %s', async (_, more, error) => {
    await startConnected();
    plane.lease(keyOf('t-spawn'), 'true', more);
    const result = await plane.result(keyOf('t-spawn'));
    expect(result.outcome).toBe(Outcome.SPAWN_FAILED);
    expect(result.error).toMatch(error);
  });

  it('runs as another user when the agent is root', async () => {
    await startConnected();
    plane.lease(keyOf('t-as'), 'id -un; echo $HOME', { surroundings: around({ runAs: 'nobody' }) });
    const result = await plane.result(keyOf('t-as'));
    if (process.getuid?.() === 0) {
      await plane.output.end(keyOf('t-as'));
      expect(plane.output.bytes(keyOf('t-as')).toString()).toMatch(/^nobody\n/);
    } else {
      expect(result.outcome).toBe(Outcome.SPAWN_FAILED);
    }
  });

  it('runs an argument vector that no shell sees', async () => {
    await startConnected();
    plane.lease(keyOf('t-argv'), '', { command: argv('/bin/echo', '$HOME', 'a b') });
    await plane.output.end(keyOf('t-argv'));
    expect(plane.output.bytes(keyOf('t-argv')).toString()).toBe('$HOME a b\n');
  });

  it('completes noop tasks many at a time, and counts their runs on disk', async () => {
    const agent = await startConnected({ slots: 64 });
    const keys = Array.from({ length: 200 }, (_, index) => keyOf(`noop-${index}`));
    for (let at = 0; at < keys.length; at += 50) {
      const batch = keys.slice(at, at + 50);
      plane.dispatcher.order(
        ...batch.map((key) => plane.leaseBody(key, '', { executor: 'noop', command: undefined })),
      );
      const results = await Promise.all(batch.map((key) => plane.result(key)));
      expect(results.every(({ outcome, exitCode }) => outcome === Outcome.EXITED && exitCode === 0)).toBe(
        true,
      );
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    const { journal } = await Journal.open({ folder: join(folder.path, 'data'), ...agentSettings.journal });
    expect(journal.state.runs['noop']).toBe(200);
    expect(journal.state.held.size).toBe(0);
    await journal.close();
  });
});

describe('stopping', () => {
  const stubborn =
    "trap '' TERM; (trap '' TERM; sleep 600 & while :; do sleep 1; done) & setsid sleep 601 & echo up; while :; do sleep 1; done";

  it('kills the whole tree on a timeout, also what ignores SIGTERM or left the group', async () => {
    await startConnected();
    plane.lease(keyOf('t-time'), stubborn, { timeoutMs: 700 });
    await until('tree is up', () => livingOf('t-time').length >= 4);
    const result = await plane.result(keyOf('t-time'));
    expect(result).toMatchObject({ outcome: Outcome.TIMED_OUT, signal: 'SIGKILL' });
    expect(result.durationMs).toBeGreaterThanOrEqual(700);
    expect(result.durationMs).toBeLessThan(3000);
    expect(livingOf('t-time')).toEqual([]);
  });

  it('kills at once with a grace of 0, and by default after its own', async () => {
    await startConnected();
    plane.lease(keyOf('t-at-once'), stubborn, { timeoutMs: 700, killGraceMs: 0 });
    plane.lease(keyOf('t-default'), stubborn, { timeoutMs: 700, killGraceMs: undefined });
    const atOnce = await plane.result(keyOf('t-at-once'));
    expect(atOnce).toMatchObject({ outcome: Outcome.TIMED_OUT, signal: 'SIGKILL' });
    expect(atOnce.durationMs).toBeLessThan(700 + agentSettings.graceMs);
    const patient = await plane.result(keyOf('t-default'), 20_000);
    expect(patient.durationMs).toBeGreaterThanOrEqual(700 + agentSettings.graceMs);
  });

  it('does not take a command that ended in time for one that timed out', async () => {
    await startConnected();
    plane.lease(keyOf('t-close'), 'sleep 30 & sleep 0.2; exit 0', { timeoutMs: 400 });
    expect(await plane.result(keyOf('t-close'))).toMatchObject({ outcome: Outcome.EXITED, exitCode: 0 });
  });

  it('cancels, and tells of leases that it does not hold', async () => {
    await startConnected();
    const key = keyOf('t-cancel');
    plane.lease(key, stubborn);
    await plane.dispatcher.first('started');
    await until('tree is up', () => livingOf('t-cancel').length >= 4);
    plane.dispatcher.order({ $case: 'cancel', cancel: { key, reason: 'a person asked' } });
    expect(await plane.result(key)).toMatchObject({ outcome: Outcome.CANCELLED, error: 'a person asked' });
    expect(livingOf('t-cancel')).toEqual([]);
    plane.dispatcher.order({ $case: 'cancel', cancel: { key: keyOf('t-other'), reason: '' } });
    expect((await plane.dispatcher.first('notHeld')).notHeld.key).toEqual(keyOf('t-other'));
  });

  it('drops what the server does not know, without a report', async () => {
    await startConnected();
    plane.lease(keyOf('t-drop'), 'sleep 600');
    await plane.dispatcher.first('started');
    plane.dispatcher.order({ $case: 'drop', drop: { keys: [keyOf('t-drop')] } });
    await until('gone', () => livingOf('t-drop').length === 0);
    await until(
      'its slot is free',
      () => plane.dispatcher.messages('heartbeat').at(-1)?.heartbeat.freeSlots === 4,
    );
    plane.dispatcher.welcome();
    await plane.dispatcher.heard.nth(2, 'inventory', (one) => one.$case === 'inventory');
    expect(plane.dispatcher.messages('inventory')[1]?.inventory.leases).toEqual([]);
    expect(plane.dispatcher.messages('result')).toEqual([]);
  });

  it('stops cleanly on SIGTERM: refuses, interrupts, reports, leaves nothing behind', async () => {
    const agent = await startConnected();
    plane.lease(keyOf('t-drain'), stubborn);
    await until('tree is up', () => livingOf('t-drain').length >= 4);
    const beganAtMs = performance.now();
    const stopping = agent.stop();
    await plane.dispatcher.first('heartbeat', ({ heartbeat }) => heartbeat.draining);
    plane.lease(keyOf('t-late'), 'true');
    expect(await plane.result(keyOf('t-late'))).toMatchObject({ refusal: Refusal.DRAINING });
    expect(await plane.result(keyOf('t-drain'))).toMatchObject({ outcome: Outcome.INTERRUPTED });
    expect(await stopping).toEqual({ code: 0, signal: null });
    expect(performance.now() - beganAtMs).toBeLessThan(10_000);
    expect(livingOf('t-drain')).toEqual([]);
  });
});

describe('the time of a lease', () => {
  it('is extended by grants, and ends the command when they stay away', async () => {
    plane.dispatcher.leaseDurationMs = 1500;
    await startConnected();
    plane.lease(keyOf('t-fence'), 'sleep 600');
    await plane.dispatcher.first('started');
    const heldSinceMs = performance.now();
    await until('three durations have passed', () => performance.now() - heldSinceMs > 4000);
    expect(plane.dispatcher.messages('result')).toEqual([]);
    plane.dispatcher.granting = false;
    // By the server's clock too: no grant was sent after this.
    await until('stopped before its time is out', () => livingOf('t-fence').length === 0, 1500);
    expect(await plane.result(keyOf('t-fence'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('counts while the agent is cut off', async () => {
    plane.dispatcher.leaseDurationMs = 1500;
    await startConnected();
    plane.lease(keyOf('t-cut'), 'sleep 600');
    await plane.dispatcher.first('started');
    plane.dispatcher.greeting = { kind: 'hold' };
    plane.dispatcher.disconnect();
    await until('stopped', () => livingOf('t-cut').length === 0, 1500);
    plane.dispatcher.greeting = { kind: 'welcome' };
    plane.dispatcher.welcome();
    expect(await plane.result(keyOf('t-cut'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('counts while the agent is stopped; awake, it kills before it does anything else', async () => {
    plane.dispatcher.leaseDurationMs = 1000;
    const agent = await startConnected();
    plane.lease(keyOf('t-stop'), 'sleep 600');
    await plane.dispatcher.first('started');
    agent.signal('SIGSTOP');
    const asleepSinceMs = performance.now();
    await until('the lease is over', () => performance.now() - asleepSinceMs > 1500);
    expect(livingOf('t-stop')).not.toEqual([]);
    agent.signal('SIGCONT');
    await until('killed', () => livingOf('t-stop').length === 0, 1000);
    expect(await plane.result(keyOf('t-stop'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('does not start a command after its not_after', async () => {
    await startConnected();
    plane.lease(keyOf('t-late'), `touch ${marker('ran')}`, { notAfterMs: Date.now() - 1 });
    expect(await plane.result(keyOf('t-late'))).toMatchObject({ refusal: Refusal.NOT_AFTER_PASSED });
    expect(existsSync(marker('ran'))).toBe(false);
  });
});

describe('duplicates, attempts, slots', () => {
  it('accepts a duplicate again and runs it once, also after its end', async () => {
    await startConnected();
    plane.dispatcher.acknowledging = false;
    const key = keyOf('t-dup');
    const script = `echo x >> ${marker('runs')}; sleep 0.4`;
    plane.dispatcher.order(plane.leaseBody(key, script), plane.leaseBody(key, script));
    await plane.dispatcher.heard.nth(2, 'acceptance', (one) => one.$case === 'accepted');
    const { reportId } = await plane.result(key);
    plane.lease(key, script);
    await plane.dispatcher.heard.nth(2, 'result', (one) => one.$case === 'result');
    expect(plane.dispatcher.messages('result').map(({ result }) => result.reportId)).toEqual([
      reportId,
      reportId,
    ]);
    plane.dispatcher.order({ $case: 'reportAck', reportAck: { reportIds: [reportId] } });
    plane.lease(key, script);
    await plane.dispatcher.first('result', ({ result }) => result.refusal === Refusal.ALREADY_ENDED);
    expect(linesOf('runs')).toHaveLength(1);
  });

  it('stops the older attempt before it starts the newer, and refuses one that is older still', async () => {
    await startConnected({ slots: 1 });
    const script = `echo begin-$FLUXFORGE_ATTEMPT >> ${marker('log')}; trap 'echo end-$FLUXFORGE_ATTEMPT >> ${marker('log')}; exit' TERM; while :; do sleep 0.05; done`;
    plane.lease(keyOf('t-att', 2), script);
    await until('begun', () => linesOf('log').length === 1);
    plane.lease(keyOf('t-att', 3), `echo begin-3 >> ${marker('log')}`);
    expect(await plane.result(keyOf('t-att', 3))).toMatchObject({ outcome: Outcome.EXITED });
    expect(await plane.result(keyOf('t-att', 2))).toMatchObject({ outcome: Outcome.CANCELLED });
    expect(linesOf('log')).toEqual(['begin-2', 'end-2', 'begin-3']);
    plane.lease(keyOf('t-att', 1), script);
    expect(await plane.result(keyOf('t-att', 1))).toMatchObject({ refusal: Refusal.OLD_ATTEMPT });
  });

  it('runs no more than its slots, and nothing it does not know', async () => {
    await startConnected({ slots: 1 });
    plane.lease(keyOf('t-1'), 'sleep 600');
    await plane.dispatcher.first('started');
    plane.lease(keyOf('t-2'), 'true');
    expect(await plane.result(keyOf('t-2'))).toMatchObject({ refusal: Refusal.NO_SLOT });
    plane.lease(keyOf('t-3'), 'true', { executor: 'quantum' });
    expect(await plane.result(keyOf('t-3'))).toMatchObject({ refusal: Refusal.UNKNOWN_EXECUTOR });
    plane.lease(keyOf('t-4'), 'a\0b');
    expect(await plane.result(keyOf('t-4'))).toMatchObject({ refusal: Refusal.INVALID });
    await plane.dispatcher.first(
      'heartbeat',
      ({ heartbeat: { freeSlots, running } }) => freeSlots === 0 && running.length === 1,
    );
  });
});

describe('after kill -9', () => {
  it('stops what still runs, reports it as interrupted, and repeats what was not acknowledged', async () => {
    plane.dispatcher.acknowledging = false;
    const first = await startConnected();
    plane.lease(keyOf('t-done'), 'exit 9');
    await plane.result(keyOf('t-done'));
    plane.lease(keyOf('t-run'), "trap '' TERM; setsid sleep 600 & echo $$; while :; do sleep 1; done");
    await until('running', () => livingOf('t-run').length >= 2);
    await first.kill();
    expect(livingOf('t-run').length).toBeGreaterThanOrEqual(2);
    const before = plane.dispatcher.heard.all.length;
    await startConnected();
    expect(livingOf('t-run')).toEqual([]);
    const heard = (): typeof plane.dispatcher.heard.all => plane.dispatcher.heard.all.slice(before);
    await until('both results', () => heard().filter((one) => one.$case === 'result').length === 2);
    const inventory = heard().find((one) => one.$case === 'inventory');
    expect(inventory?.$case === 'inventory' && inventory.inventory.reportsToFollow).toBe(2);
    const results = heard().flatMap((one) => (one.$case === 'result' ? [one.result] : []));
    expect(results.map(({ key, outcome, exitCode }) => [key?.taskId, outcome, exitCode])).toEqual([
      ['t-done', Outcome.EXITED, 9],
      ['t-run', Outcome.INTERRUPTED, 0],
    ]);
  });

  it('takes its pid for a stranger after another boot', async () => {
    const first = await startConnected();
    plane.lease(keyOf('t-boot'), 'sleep 600');
    await plane.dispatcher.first('started');
    await first.kill();
    const { journal } = await Journal.open({ folder: join(folder.path, 'data'), ...agentSettings.journal });
    const held = [...journal.state.held.values()][0];
    if (held?.process === undefined) throw new Error('the lease is not in the journal');
    const { key, term, executor, process: leader } = held;
    journal.append({ t: 'accepted', key, term, executor, bootId: 'another-boot' });
    journal.append({ t: 'running', key, ...leader, atMs: 0 });
    await journal.close();
    await startConnected();
    expect(await plane.result(keyOf('t-boot'))).toMatchObject({ outcome: Outcome.INTERRUPTED });
    expect(livingOf('t-boot')).not.toEqual([]);
  });

  it('refuses a lower term', async () => {
    plane.dispatcher.term = 7;
    const first = await startConnected();
    await first.kill();
    plane.dispatcher.term = 6;
    start();
    const { hello } = await plane.dispatcher.first('hello', (one) => one.hello.highestTerm === 7);
    expect(hello.highestEpoch).toBe(1);
    await plane.dispatcher.heard.nth(4, 'hello', (one) => one.$case === 'hello');
    expect(plane.dispatcher.messages('inventory')).toHaveLength(1);
    plane.dispatcher.term = 8;
    await plane.dispatcher.heard.nth(2, 'inventory', (one) => one.$case === 'inventory', 20_000);
    plane.dispatcher.orderUnder(7, plane.leaseBody(keyOf('t-old'), `touch ${marker('ran')}`));
    await plane.dispatcher.first(
      'staleTerm',
      ({ staleTerm }) => staleTerm.term === 7 && staleTerm.highestTerm === 8,
    );
    expect(await plane.result(keyOf('t-old'))).toMatchObject({ refusal: Refusal.LOWER_TERM });
    expect(existsSync(marker('ran'))).toBe(false);
  });
});

describe('one data directory', () => {
  it('belongs to one process; a dead one leaves it free', async () => {
    const first = await startConnected();
    const second = start();
    expect((await second.exited).code).toBe(1);
    expect(second.stderr).toMatch(/in use by the agent process \d+/);
    plane.lease(keyOf('t-1'), 'true');
    expect(await plane.result(keyOf('t-1'))).toMatchObject({ outcome: Outcome.EXITED });
    await first.kill();
    await startConnected();
  });

  it('keeps going with a damaged journal', async () => {
    const first = await startConnected();
    plane.lease(keyOf('t-1'), 'sleep 600');
    await plane.dispatcher.first('started');
    await first.kill();
    const data = join(folder.path, 'data');
    const segment = readdirSync(data).find((name) => name.endsWith('.log'));
    if (segment === undefined) throw new Error('no segment');
    const bytes = readFileSync(join(data, segment));
    const at = bytes.indexOf('"accepted"');
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(join(data, segment), bytes);
    const second = await startConnected();
    expect(second.stdout).toMatch(/quarantine/);
    expect(livingOf('t-1')).toEqual([]);
  });
});

describe('a full disk', () => {
  const canMount = process.getuid?.() === 0;

  (canMount ? it : it.skip)('refuses new leases, reports what runs, and recovers', async () => {
    const data = join(folder.path, 'small-disk');
    mkdirSync(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', data]);
    try {
      const agent = await startConnected({ dataDir: data });
      plane.lease(keyOf('t-runs'), `while [ ! -e ${marker('go')} ]; do sleep 0.05; done; exit 7`);
      await plane.dispatcher.first('started');
      fillDisk(join(data, 'filler'));
      let attempt = 0;
      await until('leases are refused', () => {
        plane.lease(keyOf('t-new', ++attempt), 'true');
        return plane.dispatcher
          .messages('result')
          .some(({ result }) => result.refusal === Refusal.JOURNAL_FULL);
      });
      writeFileSync(marker('go'), '');
      expect(await plane.result(keyOf('t-runs'))).toMatchObject({ outcome: Outcome.EXITED, exitCode: 7 });
      rmSync(join(data, 'filler'));
      await until('leases are taken again', () => {
        plane.lease(keyOf('t-again', ++attempt), 'true');
        return plane.dispatcher
          .messages('result')
          .some(({ result }) => result.key?.taskId === 't-again' && result.outcome === Outcome.EXITED);
      });
      expect(await agent.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await Promise.all(agents.map((agent) => agent.kill()));
      execFileSync('umount', [data]);
    }
  });
});

describe('checks', () => {
  const cases: [string, string, object, object][] = [
    ['compliant', 'exit 0', {}, { outcome: CheckOutcome.EXITED, exitCode: 0 }],
    ['drifted', 'echo why; exit 9', {}, { outcome: CheckOutcome.EXITED, exitCode: 9 }],
    ['126', '/etc/passwd', {}, { outcome: CheckOutcome.NOT_EXECUTABLE, exitCode: 126 }],
    ['127', 'no-such-command', {}, { outcome: CheckOutcome.NOT_EXECUTABLE, exitCode: 127 }],
    ['a signal', 'kill -9 $$', {}, { outcome: CheckOutcome.SIGNALLED, signal: 'SIGKILL' }],
    ['a timeout', 'sleep 600', { timeoutMs: 300 }, { outcome: CheckOutcome.TIMED_OUT }],
    ['not spawned', '', { command: argv('/no/such') }, { outcome: CheckOutcome.SPAWN_FAILED }],
    ['without a command', '', {}, { outcome: CheckOutcome.REFUSED }],
  ];

  it('are answered exactly, apart from leases and slots', async () => {
    await startConnected({ slots: 1 });
    plane.lease(keyOf('t-busy'), 'sleep 600');
    await plane.dispatcher.first('started');
    for (const [name, script, more] of cases) plane.check(name, script, { round: 3, ...more });
    for (const [name, , , expected] of cases) {
      const { checkResult } = await plane.dispatcher.first(
        'checkResult',
        (one) => one.checkResult.stateId === name,
      );
      expect(checkResult).toMatchObject({ generation: 1, round: 3, ...expected });
      if (name === 'drifted') expect(checkResult.outputTail.toString()).toBe('why\n');
    }
  });
});

describe('reaching the control plane', () => {
  it('follows to the owner, and asks the API again when it is gone', async () => {
    const other = new FakeControlPlane();
    await other.start();
    try {
      plane.dispatcher.greeting = { kind: 'moved', address: other.dispatcher.address, generation: 5 };
      start();
      const { inventory } = await other.dispatcher.first('inventory');
      expect(inventory.leases).toEqual([]);
      // Behind: an older generation sends it back where it came from.
      other.dispatcher.greeting = { kind: 'moved', address: plane.dispatcher.address, generation: 4 };
      plane.dispatcher.greeting = { kind: 'welcome' };
      const lookups = plane.api.lookups.all.length;
      await other.dispatcher.stop();
      await plane.dispatcher.first('inventory', () => true, 20_000);
      expect(plane.api.lookups.all.length).toBeGreaterThan(lookups);
    } finally {
      await other.stop();
    }
  });

  it('notices a silent server and comes back', async () => {
    await startConnected();
    plane.dispatcher.asking = false;
    await plane.dispatcher.heard.nth(2, 'hello', (one) => one.$case === 'hello', 10_000);
  });

  it('enrols once, with the same hash after a lost answer, and keeps its secret to itself', async () => {
    plane.api.swallowNext = 1;
    plane.api.failNext = { status: 503, times: 1 };
    const first = await startConnected();
    const hashes = plane.api.enrolments.all.map((body) => body.credential_hash);
    expect(hashes).toHaveLength(3);
    expect(new Set(hashes).size).toBe(1);
    const { hello } = await plane.dispatcher.first('hello');
    expect(createHash('sha256').update(hello.credential).digest('hex')).toBe(hashes[0]);
    expect(hello).toMatchObject({ tenantId: 'tenant-1', slots: 4, labels: { role: 'web', zone: 'eu-1' } });
    expect(first.stdout).not.toContain(hello.credential.toString('hex'));
    await first.kill();
    await startConnected({ joinToken: '' });
    expect(plane.api.enrolments.all).toHaveLength(3);
  });

  it('ends with a plain message when the token is refused', async () => {
    const agent = start({ joinToken: 'wrong' });
    expect((await agent.exited).code).toBe(1);
    expect(agent.stderr).toMatch(/enrolment refused by the API \(403\): join_token_refused/);
  });

  it('ends with a plain message when the server refuses it for good', async () => {
    plane.dispatcher.greeting = { kind: 'refused', retry: false, message: 'the agent was removed' };
    const agent = start();
    expect((await agent.exited).code).toBe(1);
    expect(agent.stderr).toMatch(/the agent was removed/);
  });

  it('stops what it runs before it ends, when it is refused later on', async () => {
    const agent = await startConnected();
    plane.lease(keyOf('t-removed'), 'sleep 600');
    await plane.dispatcher.first('started');
    plane.dispatcher.greeting = { kind: 'refused', retry: false, message: 'the agent was removed' };
    plane.dispatcher.disconnect();
    expect((await agent.exited).code).toBe(1);
    expect(livingOf('t-removed')).toEqual([]);
  });
});

describe('what an operator sees', () => {
  it('is a ready line with addresses, health, readiness and measures', async () => {
    const env = { FLUXFORGE_RUN_ID: runId, FLUXFORGE_OPS_ADDRESS: '127.0.0.1:0' };
    const agent = await startConnected({ env });
    await until('ready', () => agent.stdout.includes('"msg":"ready"'));
    const line = agent.stdout.split('\n').find((text) => text.includes('"msg":"ready"')) ?? '';
    const { ops } = JSON.parse(line) as { ops: string };
    plane.lease(keyOf('t-measured'), 'true');
    await plane.result(keyOf('t-measured'));
    expect((await fetch(`http://${ops}/readyz`)).status).toBe(200);
    const measures = await (await fetch(`http://${ops}/metrics`)).text();
    expect(measures).toMatch(/fluxforge_agent_connected\{process="agent"\} 1/);
    expect(measures).toMatch(/fluxforge_agent_attempts_total\{outcome="OUTCOME_EXITED",process="agent"\} 1/);
    plane.dispatcher.greeting = { kind: 'hold' };
    plane.dispatcher.disconnect();
    const status = async (): Promise<number> => (await fetch(`http://${ops}/readyz`)).status;
    let latest = 200;
    const poll = setInterval(
      () =>
        void status().then(
          (code) => (latest = code),
          () => undefined,
        ),
      100,
    );
    await until('not ready any more', () => latest === 503).finally(() => clearInterval(poll));
  });
});

describe('output', () => {
  it('is whole and in order over lost connections', async () => {
    await startConnected();
    const key = keyOf('t-lost');
    plane.output.acknowledging = false;
    plane.lease(key, 'for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.1; done');
    await plane.output.heard.first('chunk', ({ body }) => body.$case === 'chunk');
    plane.output.dropConnections();
    plane.output.acknowledging = true;
    await plane.output.end(key);
    expect(plane.output.bytes(key).toString()).toBe(
      Array.from({ length: 10 }, (_, index) => `line ${index + 1}\n`).join(''),
    );
  });

  it('is cut at the limit with a mark, keeps memory bounded, and leaves others alone', async () => {
    const agent = await startConnected();
    const big = keyOf('t-big');
    plane.lease(big, 'head -c 300000000 /dev/zero', { outputLimitBytes: 1_000_000 });
    plane.lease(keyOf('t-small'), 'echo small');
    expect(await plane.result(keyOf('t-small'))).toMatchObject({ exitCode: 0 });
    await plane.output.end(keyOf('t-small'));
    expect(plane.output.bytes(keyOf('t-small')).toString()).toBe('small\n');
    const result = await plane.result(big, 30_000);
    expect(result).toMatchObject({ exitCode: 0, stdoutBytes: 300_000_000, outputTruncated: true });
    await plane.output.end(big);
    expect(plane.output.bytes(big)).toHaveLength(1_000_000);
    const gaps = plane.output.stored(big, OutputStream.STDOUT).filter((body) => body.$case === 'gap');
    expect(gaps).toMatchObject([{ gap: { bytes: 299_000_000, cause: GapCause.LIMIT } }]);
    expect(agent.residentBytes()).toBeLessThan(200_000_000);
  });

  it('is not kept at all with a limit of 0, and said to be cut; without a limit it is whole', async () => {
    await startConnected();
    const [none, whole] = [keyOf('t-none'), keyOf('t-whole')];
    plane.lease(none, 'echo out; echo err >&2', { outputLimitBytes: 0 });
    plane.lease(whole, 'echo out', { outputLimitBytes: undefined });
    const said = { exitCode: 0, stdoutBytes: 4, stderrBytes: 4, outputTruncated: true };
    expect(await plane.result(none)).toMatchObject(said);
    expect(await plane.result(whole)).toMatchObject({ stdoutBytes: 4, outputTruncated: false });
    for (const stream of [OutputStream.STDOUT, OutputStream.STDERR]) {
      await plane.output.end(none, stream);
      const kept = plane.output.stored(none, stream).filter((body) => body.$case !== 'end');
      expect(kept).toMatchObject([{ $case: 'gap', gap: { bytes: 4, cause: GapCause.LIMIT } }]);
    }
    await plane.output.end(whole);
    expect(plane.output.bytes(whole).toString()).toBe('out\n');
  });

  it('delays neither result nor control when nobody takes it; what is lost is marked', async () => {
    await startConnected();
    const key = keyOf('t-api-away');
    await plane.output.stop();
    plane.lease(key, 'head -c 20000000 /dev/urandom', { outputLimitBytes: 50_000_000 });
    expect(await plane.result(key)).toMatchObject({ exitCode: 0, stdoutBytes: 20_000_000 });
  });

  it('is given up when the API refuses the token', async () => {
    await startConnected();
    plane.output.refusedTokens.add('token-t-refused');
    plane.lease(keyOf('t-refused'), 'echo x; sleep 0.3; echo y');
    expect(await plane.result(keyOf('t-refused'))).toMatchObject({ exitCode: 0, stdoutBytes: 4 });
  });
});

function argv(...args: string[]): Lease['command'] {
  return { form: { $case: 'argv', argv: { args } } };
}

function around(more: Partial<Surroundings>): Surroundings {
  return { env: {}, cwd: '', runAs: '', ...more };
}

function fillDisk(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(64 * 1024));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    closeSync(file);
  }
}
