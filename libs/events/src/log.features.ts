import { describeAppends } from './log-features/appends.js';
import { describeGroups } from './log-features/groups.js';
import { describeReads } from './log-features/reads.js';
import { Scene } from './log-features/scene.js';
import { describeTails } from './log-features/tails.js';
import { type LogWorld } from './log-features/world.js';

export { eventually } from './log-features/scene.js';
export { type LogClient, type LogWorld } from './log-features/world.js';

/** The behaviour that every implementation of `LogPort` has. */
export function describeLog(name: string, makeWorld: () => Promise<LogWorld>): void {
  const scene = new Scene();

  describe(name, () => {
    beforeAll(async () => {
      scene.world = await makeWorld();
    });
    beforeEach(async () => {
      scene.tp = { topic: await scene.world.topic(4), partition: 1 };
    });
    afterEach(() => scene.world.heal());
    afterAll(() => scene.world.close());

    describeAppends(scene);
    describeReads(scene);
    describeTails(scene);
    describeGroups(scene);
  });
}
