import { createHash } from 'node:crypto';
import { FakeControlPlane, keyOf, until } from '@fluxforge/testing/fake-control-plane';
import { sceneOfEachTest } from './agent.fixture.js';

jest.setTimeout(60_000);

const scene = sceneOfEachTest();

describe('reaching the control plane', () => {
  it('follows to the owner, and asks the API again when it is gone', async () => {
    const other = new FakeControlPlane();
    await other.start();
    try {
      scene.plane.dispatcher.greeting = { kind: 'moved', address: other.dispatcher.address, generation: 5 };
      scene.start();
      const { inventory } = await other.dispatcher.first('inventory');
      expect(inventory.leases).toEqual([]);
      // Behind: an older generation sends it back where it came from.
      other.dispatcher.greeting = { kind: 'moved', address: scene.plane.dispatcher.address, generation: 4 };
      scene.plane.dispatcher.greeting = { kind: 'welcome' };
      const lookups = scene.plane.api.lookups.all.length;
      await other.dispatcher.stop();
      await scene.plane.dispatcher.first('inventory', () => true, 20_000);
      expect(scene.plane.api.lookups.all.length).toBeGreaterThan(lookups);
    } finally {
      await other.stop();
    }
  });

  it('notices a silent server and comes back', async () => {
    await scene.startConnected();
    scene.plane.dispatcher.asking = false;
    await scene.plane.dispatcher.heard.nth(2, 'hello', (one) => one.$case === 'hello', 10_000);
  });

  it('says anew what has started when it is greeted again', async () => {
    const { plane } = scene;
    await scene.startConnected();
    plane.lease(keyOf('t-on'), 'sleep 600');
    const { started } = await plane.dispatcher.first('started');
    plane.dispatcher.disconnect();
    const again = await plane.dispatcher.heard.nth(2, 'started', (one) => one.$case === 'started', 10_000);
    expect(again).toEqual({ $case: 'started', started });
  });

  it('enrols once, with the same hash after a lost answer, and keeps its secret to itself', async () => {
    scene.plane.api.swallowNext = 1;
    scene.plane.api.failNext = { status: 503, times: 1 };
    const first = await scene.startConnected();
    const hashes = scene.plane.api.enrolments.all.map((body) => body.credential_hash);
    expect(hashes).toHaveLength(3);
    expect(new Set(hashes).size).toBe(1);
    const { hello } = await scene.plane.dispatcher.first('hello');
    expect(createHash('sha256').update(hello.credential).digest('hex')).toBe(hashes[0]);
    expect(hello).toMatchObject({ tenantId: 'tenant-1', slots: 4, labels: { role: 'web', zone: 'eu-1' } });
    expect(first.stdout).not.toContain(hello.credential.toString('hex'));
    await first.kill();
    await scene.startConnected({ joinToken: '' });
    expect(scene.plane.api.enrolments.all).toHaveLength(3);
  });

  it('ends with a plain message when the token is refused', async () => {
    const agent = scene.start({ joinToken: 'wrong' });
    expect((await agent.exited).code).toBe(1);
    expect(agent.stderr).toMatch(/enrolment refused by the API \(403\): join_token_refused/);
  });

  it('ends with a plain message when the server refuses it for good', async () => {
    scene.plane.dispatcher.greeting = { kind: 'refused', retry: false, message: 'the agent was removed' };
    const agent = scene.start();
    expect((await agent.exited).code).toBe(1);
    expect(agent.stderr).toMatch(/the agent was removed/);
  });

  it('stops what it runs before it ends, when it is refused later on', async () => {
    const agent = await scene.startConnected();
    scene.plane.lease(keyOf('t-removed'), 'sleep 600');
    await scene.plane.dispatcher.first('started');
    scene.plane.dispatcher.greeting = { kind: 'refused', retry: false, message: 'the agent was removed' };
    scene.plane.dispatcher.disconnect();
    expect((await agent.exited).code).toBe(1);
    expect(scene.livingOf('t-removed')).toEqual([]);
  });
});

describe('what an operator sees', () => {
  it('is a ready line with addresses, health, readiness and measures', async () => {
    const env = { FLUXFORGE_RUN_ID: scene.runId, FLUXFORGE_OPS_ADDRESS: '127.0.0.1:0' };
    const agent = await scene.startConnected({ env });
    await until('ready', () => agent.stdout.includes('"msg":"ready"'));
    const line = agent.stdout.split('\n').find((text) => text.includes('"msg":"ready"')) ?? '';
    const { ops } = JSON.parse(line) as { ops: string };
    scene.plane.lease(keyOf('t-measured'), 'true');
    await scene.plane.result(keyOf('t-measured'));
    expect((await fetch(`http://${ops}/readyz`)).status).toBe(200);
    const measures = await (await fetch(`http://${ops}/metrics`)).text();
    expect(measures).toMatch(/fluxforge_agent_connected\{process="agent"\} 1/);
    expect(measures).toMatch(/fluxforge_agent_attempts_total\{outcome="OUTCOME_EXITED",process="agent"\} 1/);
    scene.plane.dispatcher.greeting = { kind: 'hold' };
    scene.plane.dispatcher.disconnect();
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
