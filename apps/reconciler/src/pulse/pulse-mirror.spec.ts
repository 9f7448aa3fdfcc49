import { InProcessCache, lost, type Cache, type NamedText } from '@fluxforge/cache';
import { ledPartitions, parsePulse, partitionName } from '@fluxforge/events/hot-queue';
import { PulseMirror } from './index.js';

class Scene {
  nowMs = 1_000;
  leading = true;
  freshUntilMs = Infinity;
  covered = 5;
  lost = false;
  placed = [2];
  readonly puts: (readonly NamedText[])[] = [];
  private readonly memory = new InProcessCache({ nowMs: () => this.nowMs });
  private readonly cache: Cache = {
    available: true,
    take: (name, rate) => this.memory.take(name, rate),
    get: (names) => this.memory.get(names),
    close: () => this.memory.close(),
    put: async (texts, ttlMs) => {
      this.puts.push(texts);
      if (this.lost) return lost;
      return this.memory.put(texts, ttlMs);
    },
  };
  readonly mirror = new PulseMirror(this.cache, () => ledPartitions(this, this.nowMs));

  runner() {
    const { leading, covered: coveredCommands } = this;
    const fresh = (nowMs: number) => nowMs < this.freshUntilMs;
    const committed = { settled: true, terms: { term: 1 }, position: { seq: 1 }, view: null };
    return { host: { leading, coveredCommands, fresh, ...committed }, lag: () => 7 };
  }

  async shown(name = partitionName(2, 'states')) {
    const [kept] = await this.memory.get([name]);
    return kept ? parsePulse(kept.text) : null;
  }
}

describe('the mirror of the pulses of states', () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });

  it('shows how far each partition is, apart from what the tasks context shows of it', async () => {
    await scene.mirror.pass();
    expect(await scene.shown()).toEqual({ covered: 5, lag: 7 });
    expect(await scene.shown(partitionName(2))).toBeNull();
    scene.covered = 9;
    await scene.mirror.pass();
    expect(await scene.shown()).toEqual({ covered: 9, lag: 7 });
  });

  it('says nothing of what is not led, nor while it may not speak, and what it said is forgotten', async () => {
    await scene.mirror.pass();
    scene.freshUntilMs = scene.nowMs;
    scene.covered = 9;
    scene.nowMs += 4_999;
    await scene.mirror.pass();
    expect(await scene.shown()).toEqual({ covered: 5, lag: 7 });
    scene.nowMs += 2;
    scene.freshUntilMs = Infinity;
    scene.leading = false;
    await scene.mirror.pass();
    expect(await scene.shown()).toBeNull();
  });

  it('leaves a lost cache alone until the next pass, and then says where it is', async () => {
    scene.placed = Array.from({ length: 300 }, (_, partition) => partition);
    scene.lost = true;
    await scene.mirror.pass();
    expect(scene.puts).toHaveLength(1);
    scene.lost = false;
    await scene.mirror.pass();
    expect(scene.puts.slice(1).map((texts) => texts.length)).toEqual([256, 44]);
    expect(await scene.shown(partitionName(299, 'states'))).toEqual({ covered: 5, lag: 7 });
  });
});
