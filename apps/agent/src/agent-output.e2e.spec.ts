import { GapCause, OutputStream } from '@fluxforge/agent-protocol';
import { keyOf } from '@fluxforge/testing/fake-control-plane';
import { sceneOfEachTest } from './agent.fixture.js';

jest.setTimeout(60_000);

const scene = sceneOfEachTest();

describe('output', () => {
  it('is whole and in order over lost connections', async () => {
    await scene.startConnected();
    const key = keyOf('t-lost');
    scene.plane.output.acknowledging = false;
    scene.plane.lease(key, 'for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.1; done');
    await scene.plane.output.heard.first('chunk', ({ body }) => body.$case === 'chunk');
    scene.plane.output.dropConnections();
    scene.plane.output.acknowledging = true;
    await scene.plane.output.end(key);
    expect(scene.plane.output.bytes(key).toString()).toBe(
      Array.from({ length: 10 }, (_, index) => `line ${index + 1}\n`).join(''),
    );
  });

  it('is cut at the limit with a mark, keeps memory bounded, and leaves others alone', async () => {
    const agent = await scene.startConnected();
    const big = keyOf('t-big');
    scene.plane.lease(big, 'head -c 300000000 /dev/zero', { outputLimitBytes: 1_000_000 });
    scene.plane.lease(keyOf('t-small'), 'echo small');
    expect(await scene.plane.result(keyOf('t-small'))).toMatchObject({ exitCode: 0 });
    await scene.plane.output.end(keyOf('t-small'));
    expect(scene.plane.output.bytes(keyOf('t-small')).toString()).toBe('small\n');
    const result = await scene.plane.result(big, 30_000);
    expect(result).toMatchObject({ exitCode: 0, stdoutBytes: 300_000_000, outputTruncated: true });
    await scene.plane.output.end(big);
    expect(scene.plane.output.bytes(big)).toHaveLength(1_000_000);
    const gaps = scene.plane.output.stored(big, OutputStream.STDOUT).filter((body) => body.$case === 'gap');
    expect(gaps).toMatchObject([{ gap: { bytes: 299_000_000, cause: GapCause.LIMIT } }]);
    expect(agent.residentBytes()).toBeLessThan(200_000_000);
  });

  it('is not kept at all with a limit of 0, and said to be cut; without a limit it is whole', async () => {
    await scene.startConnected();
    const [none, whole] = [keyOf('t-none'), keyOf('t-whole')];
    scene.plane.lease(none, 'echo out; echo err >&2', { outputLimitBytes: 0 });
    scene.plane.lease(whole, 'echo out', { outputLimitBytes: undefined });
    const said = { exitCode: 0, stdoutBytes: 4, stderrBytes: 4, outputTruncated: true };
    expect(await scene.plane.result(none)).toMatchObject(said);
    expect(await scene.plane.result(whole)).toMatchObject({ stdoutBytes: 4, outputTruncated: false });
    for (const stream of [OutputStream.STDOUT, OutputStream.STDERR]) {
      await scene.plane.output.end(none, stream);
      const kept = scene.plane.output.stored(none, stream).filter((body) => body.$case !== 'end');
      expect(kept).toMatchObject([{ $case: 'gap', gap: { bytes: 4, cause: GapCause.LIMIT } }]);
    }
    await scene.plane.output.end(whole);
    expect(scene.plane.output.bytes(whole).toString()).toBe('out\n');
  });

  it('delays neither result nor control when nobody takes it; what is lost is marked', async () => {
    await scene.startConnected();
    const key = keyOf('t-api-away');
    await scene.plane.output.stop();
    scene.plane.lease(key, 'head -c 20000000 /dev/urandom', { outputLimitBytes: 50_000_000 });
    expect(await scene.plane.result(key)).toMatchObject({ exitCode: 0, stdoutBytes: 20_000_000 });
  });

  it('is given up when the API refuses the token', async () => {
    await scene.startConnected();
    scene.plane.output.refusedTokens.add('token-t-refused');
    scene.plane.lease(keyOf('t-refused'), 'echo x; sleep 0.3; echo y');
    expect(await scene.plane.result(keyOf('t-refused'))).toMatchObject({ exitCode: 0, stdoutBytes: 4 });
  });
});
