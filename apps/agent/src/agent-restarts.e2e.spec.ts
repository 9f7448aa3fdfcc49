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
import { Outcome, Refusal } from '@fluxforge/agent-protocol';
import { keyOf, until } from '@fluxforge/testing/fake-control-plane';
import { sceneOfEachTest } from './agent.fixture.js';
import { Journal } from './journal/index.js';
import { agentSettings } from './settings.js';

jest.setTimeout(60_000);

const scene = sceneOfEachTest();

describe('after kill -9', () => {
  it('stops what still runs, reports it as interrupted, and repeats what was not acknowledged', async () => {
    scene.plane.dispatcher.acknowledging = false;
    const first = await scene.startConnected();
    scene.plane.lease(keyOf('t-done'), 'exit 9');
    await scene.plane.result(keyOf('t-done'));
    scene.plane.lease(keyOf('t-run'), "trap '' TERM; setsid sleep 600 & echo $$; while :; do sleep 1; done");
    await until('running', () => scene.livingOf('t-run').length >= 2);
    await first.kill();
    expect(scene.livingOf('t-run').length).toBeGreaterThanOrEqual(2);
    const before = scene.plane.dispatcher.heard.all.length;
    await scene.startConnected();
    expect(scene.livingOf('t-run')).toEqual([]);
    const heard = (): typeof scene.plane.dispatcher.heard.all =>
      scene.plane.dispatcher.heard.all.slice(before);
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
    const first = await scene.startConnected();
    scene.plane.lease(keyOf('t-boot'), 'sleep 600');
    // The report does not wait for the disk.
    await until('its pid is on disk', () => journalText().includes('"running"'));
    await first.kill();
    const { journal } = await Journal.open({ folder: scene.dataDir, ...agentSettings.journal });
    const held = [...journal.state.held.values()][0];
    if (held?.process === undefined) throw new Error('the lease is not in the journal');
    const { key, term, executor, process: leader } = held;
    journal.append({ t: 'accepted', key, term, executor, bootId: 'another-boot' });
    journal.append({ t: 'running', key, ...leader, atMs: 0 });
    await journal.close();
    await scene.startConnected();
    expect(await scene.plane.result(keyOf('t-boot'))).toMatchObject({ outcome: Outcome.INTERRUPTED });
    expect(scene.livingOf('t-boot')).not.toEqual([]);
  });

  it('refuses a lower term', async () => {
    scene.plane.dispatcher.term = 7;
    const first = await scene.startConnected();
    await first.kill();
    scene.plane.dispatcher.term = 6;
    scene.start();
    const { hello } = await scene.plane.dispatcher.first('hello', (one) => one.hello.highestTerm === 7);
    expect(hello.highestEpoch).toBe(1);
    await scene.plane.dispatcher.heard.nth(4, 'hello', (one) => one.$case === 'hello');
    expect(scene.plane.dispatcher.messages('inventory')).toHaveLength(1);
    scene.plane.dispatcher.term = 8;
    await scene.plane.dispatcher.heard.nth(2, 'inventory', (one) => one.$case === 'inventory', 20_000);
    scene.plane.dispatcher.orderUnder(
      7,
      scene.plane.leaseBody(keyOf('t-old'), `touch ${scene.marker('ran')}`),
    );
    await scene.plane.dispatcher.first(
      'staleTerm',
      ({ staleTerm }) => staleTerm.term === 7 && staleTerm.highestTerm === 8,
    );
    expect(await scene.plane.result(keyOf('t-old'))).toMatchObject({ refusal: Refusal.LOWER_TERM });
    expect(existsSync(scene.marker('ran'))).toBe(false);
  });
});

describe('one data directory', () => {
  it('belongs to one process; a dead one leaves it free', async () => {
    const first = await scene.startConnected();
    const second = scene.start();
    expect((await second.exited).code).toBe(1);
    expect(second.stderr).toMatch(/in use by the agent process \d+/);
    scene.plane.lease(keyOf('t-1'), 'true');
    expect(await scene.plane.result(keyOf('t-1'))).toMatchObject({ outcome: Outcome.EXITED });
    await first.kill();
    await scene.startConnected();
  });

  it('keeps going with a damaged journal', async () => {
    const first = await scene.startConnected();
    scene.plane.lease(keyOf('t-1'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    await first.kill();
    const data = scene.dataDir;
    const segment = readdirSync(data).find((name) => name.endsWith('.log'));
    if (segment === undefined) throw new Error('no segment');
    const bytes = readFileSync(join(data, segment));
    const at = bytes.indexOf('"accepted"');
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(join(data, segment), bytes);
    const second = await scene.startConnected();
    expect(second.stdout).toMatch(/quarantine/);
    expect(scene.livingOf('t-1')).toEqual([]);
  });
});

describe('a full disk', () => {
  const canMount = process.getuid?.() === 0;

  (canMount ? it : it.skip)('refuses new leases, reports what runs, and recovers', async () => {
    const data = join(scene.folder.path, 'small-disk');
    mkdirSync(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', data]);
    try {
      const agent = await scene.startConnected({ dataDir: data });
      scene.plane.lease(keyOf('t-runs'), `while [ ! -e ${scene.marker('go')} ]; do sleep 0.05; done; exit 7`);
      await scene.plane.dispatcher.first('started');
      fillDisk(join(data, 'filler'));
      let attempt = 0;
      await until('leases are refused', () => {
        scene.plane.lease(keyOf('t-new', ++attempt), 'true');
        return scene.plane.dispatcher
          .messages('result')
          .some(({ result }) => result.refusal === Refusal.JOURNAL_FULL);
      });
      writeFileSync(scene.marker('go'), '');
      expect(await scene.plane.result(keyOf('t-runs'))).toMatchObject({
        outcome: Outcome.EXITED,
        exitCode: 7,
      });
      rmSync(join(data, 'filler'));
      await until('leases are taken again', () => {
        scene.plane.lease(keyOf('t-again', ++attempt), 'true');
        return scene.plane.dispatcher
          .messages('result')
          .some(({ result }) => result.key?.taskId === 't-again' && result.outcome === Outcome.EXITED);
      });
      expect(await agent.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await Promise.all(scene.agents.map((agent) => agent.kill()));
      execFileSync('umount', [data]);
    }
  });
});

function journalText(): string {
  const segments = readdirSync(scene.dataDir).filter((name) => name.endsWith('.log'));
  return segments.map((name) => readFileSync(join(scene.dataDir, name), 'utf8')).join('');
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
