import { createHash } from 'node:crypto';
import { CheckOutcome, Outcome, OutputStream, Refusal } from '@fluxforge/agent-protocol';
import { keyOf, until } from '@fluxforge/testing/fake-control-plane';
import { argv, around, sceneOfEachTest } from './agent.fixture.js';
import { Journal } from './journal/index.js';
import { agentSettings } from './settings.js';

jest.setTimeout(60_000);

const scene = sceneOfEachTest();

describe('a lease', () => {
  it('is accepted, started, its output sent, its result reported until acknowledged', async () => {
    await scene.startConnected();
    const key = keyOf('t-1');
    scene.plane.lease(
      key,
      'echo out; echo err >&2; printf "$GREETING from $FLUXFORGE_TASK_ID/$FLUXFORGE_ATTEMPT"; exit 3',
      {
        surroundings: { env: { GREETING: 'hello' }, cwd: '/tmp', runAs: '' },
      },
    );
    const result = await scene.plane.result(key);
    expect(result).toMatchObject({ outcome: Outcome.EXITED, exitCode: 3, signal: '', term: 1 });
    expect(result).toMatchObject({ stdoutBytes: 20, stderrBytes: 4, outputTruncated: false, error: '' });
    const kinds = scene.plane.dispatcher.heard.all
      .map((one) => one.$case)
      .filter((kind) => kind !== 'heartbeat');
    expect(kinds).toEqual(['hello', 'inventory', 'accepted', 'started', 'result']);
    const end = await scene.plane.output.end(key);
    const expected = Buffer.from('out\nhello from t-1/1');
    expect(scene.plane.output.bytes(key).toString()).toBe(expected.toString());
    expect(end).toMatchObject({ end: { totalBytes: expected.length } });
    expect(end.$case === 'end' && end.end.sha256.toString('hex')).toBe(
      createHash('sha256').update(expected).digest('hex'),
    );
    await scene.plane.output.end(key, OutputStream.STDERR);
    expect(scene.plane.output.bytes(key, OutputStream.STDERR).toString()).toBe('err\n');
  });

  it.each([
    ['kill -9 $$', { outcome: Outcome.SIGNALLED, signal: 'SIGKILL' }],
    ['kill -TERM $$', { outcome: Outcome.SIGNALLED, signal: 'SIGTERM' }],
    ['no-such-command-here', { outcome: Outcome.EXITED, exitCode: 127 }],
    ['exec 1>&- 2>&-; sleep 0.2; exit 4', { outcome: Outcome.EXITED, exitCode: 4 }],
    ['cat; exit 5', { outcome: Outcome.EXITED, exitCode: 5 }],
    ['sleep 300 & exit 6', { outcome: Outcome.EXITED, exitCode: 6 }],
  ])('ends as the command ended: %s', async (script, expected) => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-ends'), script);
    expect(await scene.plane.result(keyOf('t-ends'), 5000)).toMatchObject(expected);
  });

  it('keeps every exit code from 0 to 255', async () => {
    await scene.startConnected({ slots: 8 });
    const codes = Array.from({ length: 256 }, (_, code) => code);
    for (let at = 0; at < 256; at += 8) {
      const batch = codes.slice(at, at + 8);
      scene.plane.dispatcher.order(
        ...batch.map((code) => scene.plane.leaseBody(keyOf(`exit-${code}`), `exit ${code}`)),
      );
      const results = await Promise.all(batch.map((code) => scene.plane.result(keyOf(`exit-${code}`))));
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
    await scene.startConnected();
    scene.plane.lease(keyOf('t-spawn'), 'true', more);
    const result = await scene.plane.result(keyOf('t-spawn'));
    expect(result.outcome).toBe(Outcome.SPAWN_FAILED);
    expect(result.error).toMatch(error);
  });

  it('runs as another user when the agent is root', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-as'), 'id -un; echo $HOME', { surroundings: around({ runAs: 'nobody' }) });
    const result = await scene.plane.result(keyOf('t-as'));
    if (process.getuid?.() === 0) {
      await scene.plane.output.end(keyOf('t-as'));
      expect(scene.plane.output.bytes(keyOf('t-as')).toString()).toMatch(/^nobody\n/);
    } else {
      expect(result.outcome).toBe(Outcome.SPAWN_FAILED);
    }
  });

  it('runs an argument vector that no shell sees', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-argv'), '', { command: argv('/bin/echo', '$HOME', 'a b') });
    await scene.plane.output.end(keyOf('t-argv'));
    expect(scene.plane.output.bytes(keyOf('t-argv')).toString()).toBe('$HOME a b\n');
  });

  it('completes noop tasks many at a time, and counts their runs on disk', async () => {
    const agent = await scene.startConnected({ slots: 64 });
    const keys = Array.from({ length: 200 }, (_, index) => keyOf(`noop-${index}`));
    for (let at = 0; at < keys.length; at += 50) {
      const batch = keys.slice(at, at + 50);
      scene.plane.dispatcher.order(
        ...batch.map((key) => scene.plane.leaseBody(key, '', { executor: 'noop', command: undefined })),
      );
      const results = await Promise.all(batch.map((key) => scene.plane.result(key)));
      expect(results.every(({ outcome, exitCode }) => outcome === Outcome.EXITED && exitCode === 0)).toBe(
        true,
      );
    }
    expect(await agent.stop()).toEqual({ code: 0, signal: null });
    const { journal } = await Journal.open({ folder: scene.dataDir, ...agentSettings.journal });
    expect(journal.state.runs['noop']).toBe(200);
    expect(journal.state.held.size).toBe(0);
    await journal.close();
  });
});

describe('duplicates, attempts, slots', () => {
  it('accepts a duplicate again and runs it once, also after its end', async () => {
    await scene.startConnected();
    scene.plane.dispatcher.acknowledging = false;
    const key = keyOf('t-dup');
    const script = `echo x >> ${scene.marker('runs')}; sleep 0.4`;
    scene.plane.dispatcher.order(scene.plane.leaseBody(key, script), scene.plane.leaseBody(key, script));
    await scene.plane.dispatcher.heard.nth(2, 'acceptance', (one) => one.$case === 'accepted');
    const { reportId } = await scene.plane.result(key);
    scene.plane.lease(key, script);
    await scene.plane.dispatcher.heard.nth(2, 'result', (one) => one.$case === 'result');
    expect(scene.plane.dispatcher.messages('result').map(({ result }) => result.reportId)).toEqual([
      reportId,
      reportId,
    ]);
    scene.plane.dispatcher.order({ $case: 'reportAck', reportAck: { reportIds: [reportId] } });
    scene.plane.lease(key, script);
    await scene.plane.dispatcher.first('result', ({ result }) => result.refusal === Refusal.ALREADY_ENDED);
    expect(scene.linesOf('runs')).toHaveLength(1);
  });

  it('stops the older attempt before it starts the newer, and refuses one that is older still', async () => {
    await scene.startConnected({ slots: 1 });
    const script = `echo begin-$FLUXFORGE_ATTEMPT >> ${scene.marker('log')}; trap 'echo end-$FLUXFORGE_ATTEMPT >> ${scene.marker('log')}; exit' TERM; while :; do sleep 0.05; done`;
    scene.plane.lease(keyOf('t-att', 2), script);
    await until('begun', () => scene.linesOf('log').length === 1);
    scene.plane.lease(keyOf('t-att', 3), `echo begin-3 >> ${scene.marker('log')}`);
    expect(await scene.plane.result(keyOf('t-att', 3))).toMatchObject({ outcome: Outcome.EXITED });
    expect(await scene.plane.result(keyOf('t-att', 2))).toMatchObject({ outcome: Outcome.CANCELLED });
    expect(scene.linesOf('log')).toEqual(['begin-2', 'end-2', 'begin-3']);
    scene.plane.lease(keyOf('t-att', 1), script);
    expect(await scene.plane.result(keyOf('t-att', 1))).toMatchObject({ refusal: Refusal.OLD_ATTEMPT });
  });

  it('runs no more than its slots, and nothing it does not know', async () => {
    await scene.startConnected({ slots: 1 });
    scene.plane.lease(keyOf('t-1'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    scene.plane.lease(keyOf('t-2'), 'true');
    expect(await scene.plane.result(keyOf('t-2'))).toMatchObject({ refusal: Refusal.NO_SLOT });
    scene.plane.lease(keyOf('t-3'), 'true', { executor: 'quantum' });
    expect(await scene.plane.result(keyOf('t-3'))).toMatchObject({ refusal: Refusal.UNKNOWN_EXECUTOR });
    scene.plane.lease(keyOf('t-4'), 'a\0b');
    expect(await scene.plane.result(keyOf('t-4'))).toMatchObject({ refusal: Refusal.INVALID });
    await scene.plane.dispatcher.first(
      'heartbeat',
      ({ heartbeat: { freeSlots, running } }) => freeSlots === 0 && running.length === 1,
    );
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
    await scene.startConnected({ slots: 1 });
    scene.plane.lease(keyOf('t-busy'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    for (const [name, script, more] of cases) scene.plane.check(name, script, { round: 3, ...more });
    for (const [name, , , expected] of cases) {
      const { checkResult } = await scene.plane.dispatcher.first(
        'checkResult',
        (one) => one.checkResult.stateId === name,
      );
      expect(checkResult).toMatchObject({ generation: 1, round: 3, ...expected });
      if (name === 'drifted') expect(checkResult.outputTail.toString()).toBe('why\n');
    }
  });
});
