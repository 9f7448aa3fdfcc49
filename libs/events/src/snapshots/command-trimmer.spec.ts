import { eventually } from '../log.features.js';
import { LedgerWorld, partition, topics } from './ledger.fixture.js';

describe('trimming of commands', () => {
  const dayMs = 24 * 3_600_000;
  const commands = { topic: topics.commands.tasks, partition };

  it('takes what a durable snapshot covers and is a day old, hourly, and nothing else', async () => {
    let nowMs = 1_800_000_000_000;
    const world = await LedgerWorld.inMemory(() => nowMs);
    try {
      const tasks = await world.own('tasks');
      const keeper = world.keeper('tasks', {}, [world.disk], () => nowMs);
      const low = async () => (await world.log.offsets(commands)).low;
      await world.untilSeen(tasks, await world.send('tasks', 10), []);
      await keeper.turn();
      nowMs += dayMs - 1_000;
      await world.untilSeen(tasks, await world.send('tasks', 10), []);
      await keeper.turn();
      // A day old by now is none of them.
      expect(await low()).toBe(0);
      nowMs += 3_600_000;
      await keeper.turn();
      expect(await low()).toBe(10);
      nowMs += dayMs;
      const uncovered = await world.send('tasks', 5);
      await world.untilSeen(tasks, uncovered, []);
      await tasks.close();
      nowMs += 2 * dayMs;
      // All are old enough now. One that holds no snapshot trims nothing, whatever the journal covers.
      await world.keeper('tasks', { trimEveryMs: 0 }, [], () => nowMs).turn();
      expect(await low()).toBe(10);
      const lazy = world.keeper('tasks', { trimEveryMs: 0, everyRecords: 1_000 }, [world.disk], () => nowMs);
      await lazy.turn();
      expect(await low()).toBe(20);
    } finally {
      await world.close();
    }
  });

  it('below what is covered stops the host with an alarm, instead of skipping', async () => {
    const world = await LedgerWorld.inMemory();
    try {
      await world.send('tasks', 5);
      await world.log.trim(commands, 3);
      const tasks = await world.own('tasks');
      await eventually('the alarm', () => tasks.stopped.length > 0);
      expect(tasks.stopped[0]).toMatch(/commands that are not covered yet were deleted/);
      expect((await world.log.offsets({ topic: topics.events.tasks, partition })).end).toBe(1);
    } finally {
      await world.close();
    }
  });
});
