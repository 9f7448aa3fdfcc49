import { existsSync } from 'node:fs';
import { Outcome, Refusal } from '@fluxforge/agent-protocol';
import { keyOf, until } from '@fluxforge/testing/fake-control-plane';
import { sceneOfEachTest } from './agent.fixture.js';
import { agentSettings } from './settings.js';

jest.setTimeout(60_000);

const scene = sceneOfEachTest();

describe('stopping', () => {
  const stubborn =
    "trap '' TERM; (trap '' TERM; sleep 600 & while :; do sleep 1; done) & setsid sleep 601 & echo up; while :; do sleep 1; done";

  it('kills the whole tree on a timeout, also what ignores SIGTERM or left the group', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-time'), stubborn, { timeoutMs: 700 });
    await until('tree is up', () => scene.livingOf('t-time').length >= 4);
    const result = await scene.plane.result(keyOf('t-time'));
    expect(result).toMatchObject({ outcome: Outcome.TIMED_OUT, signal: 'SIGKILL' });
    expect(result.durationMs).toBeGreaterThanOrEqual(700);
    expect(result.durationMs).toBeLessThan(3000);
    expect(scene.livingOf('t-time')).toEqual([]);
  });

  it('kills at once with a grace of 0, and by default after its own', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-at-once'), stubborn, { timeoutMs: 700, killGraceMs: 0 });
    scene.plane.lease(keyOf('t-default'), stubborn, { timeoutMs: 700, killGraceMs: undefined });
    const atOnce = await scene.plane.result(keyOf('t-at-once'));
    expect(atOnce).toMatchObject({ outcome: Outcome.TIMED_OUT, signal: 'SIGKILL' });
    expect(atOnce.durationMs).toBeLessThan(700 + agentSettings.graceMs);
    const patient = await scene.plane.result(keyOf('t-default'), 20_000);
    expect(patient.durationMs).toBeGreaterThanOrEqual(700 + agentSettings.graceMs);
  });

  it('does not take a command that ended in time for one that timed out', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-close'), 'sleep 30 & sleep 0.2; exit 0', { timeoutMs: 400 });
    expect(await scene.plane.result(keyOf('t-close'))).toMatchObject({
      outcome: Outcome.EXITED,
      exitCode: 0,
    });
  });

  it('cancels, and tells of leases that it does not hold', async () => {
    await scene.startConnected();
    const key = keyOf('t-cancel');
    scene.plane.lease(key, stubborn);
    await scene.plane.dispatcher.first('started');
    await until('tree is up', () => scene.livingOf('t-cancel').length >= 4);
    scene.plane.dispatcher.order({ $case: 'cancel', cancel: { key, reason: 'a person asked' } });
    expect(await scene.plane.result(key)).toMatchObject({
      outcome: Outcome.CANCELLED,
      error: 'a person asked',
    });
    expect(scene.livingOf('t-cancel')).toEqual([]);
    scene.plane.dispatcher.order({ $case: 'cancel', cancel: { key: keyOf('t-other'), reason: '' } });
    expect((await scene.plane.dispatcher.first('notHeld')).notHeld.key).toEqual(keyOf('t-other'));
  });

  it('drops what the server does not know, without a report', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-drop'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    scene.plane.dispatcher.order({ $case: 'drop', drop: { keys: [keyOf('t-drop')] } });
    await until('gone', () => scene.livingOf('t-drop').length === 0);
    await until(
      'its slot is free',
      () => scene.plane.dispatcher.messages('heartbeat').at(-1)?.heartbeat.freeSlots === 4,
    );
    scene.plane.dispatcher.welcome();
    await scene.plane.dispatcher.heard.nth(2, 'inventory', (one) => one.$case === 'inventory');
    expect(scene.plane.dispatcher.messages('inventory')[1]?.inventory.leases).toEqual([]);
    expect(scene.plane.dispatcher.messages('result')).toEqual([]);
  });

  it('stops cleanly on SIGTERM: refuses, interrupts, reports, leaves nothing behind', async () => {
    const agent = await scene.startConnected();
    scene.plane.lease(keyOf('t-drain'), stubborn);
    await until('tree is up', () => scene.livingOf('t-drain').length >= 4);
    const beganAtMs = performance.now();
    const stopping = agent.stop();
    await scene.plane.dispatcher.first('heartbeat', ({ heartbeat }) => heartbeat.draining);
    scene.plane.lease(keyOf('t-late'), 'true');
    expect(await scene.plane.result(keyOf('t-late'))).toMatchObject({ refusal: Refusal.DRAINING });
    expect(await scene.plane.result(keyOf('t-drain'))).toMatchObject({ outcome: Outcome.INTERRUPTED });
    expect(await stopping).toEqual({ code: 0, signal: null });
    expect(performance.now() - beganAtMs).toBeLessThan(10_000);
    expect(scene.livingOf('t-drain')).toEqual([]);
  });
});

describe('the time of a lease', () => {
  it('is extended by grants, and ends the command when they stay away', async () => {
    scene.plane.dispatcher.leaseDurationMs = 1500;
    await scene.startConnected();
    scene.plane.lease(keyOf('t-fence'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    const heldSinceMs = performance.now();
    await until('three durations have passed', () => performance.now() - heldSinceMs > 4000);
    expect(scene.plane.dispatcher.messages('result')).toEqual([]);
    scene.plane.dispatcher.granting = false;
    // By the server's clock too: no grant was sent after this.
    await until('stopped before its time is out', () => scene.livingOf('t-fence').length === 0, 1500);
    expect(await scene.plane.result(keyOf('t-fence'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('counts while the agent is cut off', async () => {
    scene.plane.dispatcher.leaseDurationMs = 1500;
    await scene.startConnected();
    scene.plane.lease(keyOf('t-cut'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    scene.plane.dispatcher.greeting = { kind: 'hold' };
    scene.plane.dispatcher.disconnect();
    await until('stopped', () => scene.livingOf('t-cut').length === 0, 1500);
    scene.plane.dispatcher.greeting = { kind: 'welcome' };
    scene.plane.dispatcher.welcome();
    expect(await scene.plane.result(keyOf('t-cut'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('counts while the agent is stopped; awake, it kills before it does anything else', async () => {
    scene.plane.dispatcher.leaseDurationMs = 1000;
    const agent = await scene.startConnected();
    scene.plane.lease(keyOf('t-stop'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    agent.signal('SIGSTOP');
    const asleepSinceMs = performance.now();
    await until('the lease is over', () => performance.now() - asleepSinceMs > 1500);
    expect(scene.livingOf('t-stop')).not.toEqual([]);
    agent.signal('SIGCONT');
    await until('killed', () => scene.livingOf('t-stop').length === 0, 1000);
    expect(await scene.plane.result(keyOf('t-stop'))).toMatchObject({ outcome: Outcome.LEASE_EXPIRED });
  });

  it('does not scene.start a command after its not_after', async () => {
    await scene.startConnected();
    scene.plane.lease(keyOf('t-late'), `touch ${scene.marker('ran')}`, { notAfterMs: Date.now() - 1 });
    expect(await scene.plane.result(keyOf('t-late'))).toMatchObject({ refusal: Refusal.NOT_AFTER_PASSED });
    expect(existsSync(scene.marker('ran'))).toBe(false);
  });
});
