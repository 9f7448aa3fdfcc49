import { createLogger } from '@fluxforge/telemetry';
import { outputKeptMs, OutputSweep } from './output-sweep.js';

const logger = createLogger({ process: 'spec', level: 'silent' });

function storeOf(rows: number) {
  const asked: { beforeMs: number; limit: number }[] = [];
  let left = rows;
  const sweepOutput = async (beforeMs: number, limit: number): Promise<number> => {
    asked.push({ beforeMs, limit });
    const gone = Math.min(left, limit);
    left -= gone;
    return gone;
  };
  return { asked, sweepOutput };
}

describe('the sweep of old output', () => {
  it('asks for what is older than is kept, in batches, until a batch is not full', async () => {
    const store = storeOf(4_500);
    const sweep = new OutputSweep(store, logger, () => outputKeptMs + 5);
    expect(await sweep.round()).toBe(4_500);
    expect(store.asked).toEqual([
      { beforeMs: 5, limit: 2_000 },
      { beforeMs: 5, limit: 2_000 },
      { beforeMs: 5, limit: 2_000 },
    ]);
  });

  it('leaves what is too much for one round to the next', async () => {
    const store = storeOf(1_000_000);
    const sweep = new OutputSweep(store, logger, () => outputKeptMs);
    expect(await sweep.round()).toBe(40_000);
    expect(store.asked).toHaveLength(20);
  });

  it('deletes nothing once it is closed', async () => {
    const store = storeOf(10);
    const sweep = new OutputSweep(store, logger, () => outputKeptMs);
    await sweep.close();
    expect(await sweep.round()).toBe(0);
    expect(store.asked).toEqual([]);
  });
});
