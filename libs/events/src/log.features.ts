import {
  describeAppends,
  describeGroups,
  describeReads,
  describeTails,
  type LogWorld,
  Scene,
} from './log-features/index.js';

export { eventually, type LogClient, type LogWorld } from './log-features/index.js';

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
