import { InProcessCache, lost, type Cache, type NamedText } from '@fluxforge/cache';
import { decided } from '@fluxforge/domain/kernel';
import { tasksContext } from '@fluxforge/domain/tasks-context';
import { type TaskSpec, type TasksEventBody, type Decided } from '@fluxforge/events/catalogue';
import { parsePulse, parseQueue, partitionName, queueName } from '@fluxforge/events/hot-queue';
import { HotQueueMirror } from './index.js';
import { Picture } from './picture.js';

const t0 = 1_000_000_000_000;
const limits = { max_queued_tasks: 100_000, max_agents: 3, max_states: 10 };
const spec: TaskSpec = {
  labels: {},
  executor: 'shell',
  command: 'true',
  selector: [],
  priority: 5,
  delivery_timeout_ms: 600_000,
  execution_timeout_ms: 60_000,
  kill_grace_ms: 5_000,
  max_attempts: 3,
  backoff: { base_ms: 1_000, max_ms: 8_000 },
  output_limit_bytes: 1024,
};

class Scene {
  nowMs = t0;
  fresh = true;
  settled = true;
  term = 1;
  seq = 1;
  lost = false;
  readonly puts: (readonly NamedText[])[] = [];
  readonly state = tasksContext.initial(3);
  readonly memory = new InProcessCache({ nowMs: () => this.nowMs });
  private readonly cache: Cache = {
    available: true,
    take: (name, rate) => this.memory.take(name, rate),
    get: (names) => this.memory.get(names),
    close: () => this.memory.close(),
    put: async (texts, ttlMs) => {
      if (this.lost) return lost;
      this.puts.push(texts);
      return this.memory.put(texts, ttlMs);
    },
  };
  readonly mirror = new HotQueueMirror({
    cache: this.cache,
    nowMs: () => this.nowMs,
    led: () => [
      {
        partition: 3,
        fresh: this.fresh,
        settled: this.settled,
        term: this.term,
        seq: this.seq,
        pulse: { covered: this.seq, lag: 7 },
        view: this.state,
      },
    ],
  });

  fold(event: Decided<TasksEventBody>): void {
    tasksContext.evolve(this.state, { ...event, id: `e${this.seq}`, timeMs: this.nowMs });
  }

  tenant(id: string): void {
    this.fold(decided('tenant.created', id, id, { tenant_id: id, name: id, limits }));
  }

  queue(tenantId: string, taskId: string, priority = 5, over: Partial<TaskSpec> = {}): void {
    const data = { task_id: taskId, life: 1, kind: 'adhoc' as const, spec: { ...spec, ...over, priority } };
    this.fold(decided('task.queued', tenantId, taskId, data));
  }

  async after(ms: number): Promise<void> {
    this.nowMs += ms;
    await this.mirror.pass();
  }

  async shown(tenantId: string) {
    const [kept] = await this.memory.get([queueName(tenantId)]);
    return kept ? parseQueue(kept.text) : null;
  }

  async pulse() {
    const [kept] = await this.memory.get([partitionName(3)]);
    return kept ? parsePulse(kept.text) : null;
  }

  get namesPut(): string[] {
    return this.puts.flatMap((texts) => texts.map(([name]) => name));
  }
}

describe('the mirror of queues', () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
    scene.tenant('a');
    scene.tenant('b');
  });

  it('shows depth by priority and the oldest wait, and how far the owner is', async () => {
    scene.queue('a', '1', 0);
    scene.nowMs += 400;
    scene.queue('a', '2', 9);
    await scene.after(100);
    expect(await scene.shown('a')).toEqual({
      queued: 2,
      ready: 2,
      running: 0,
      by_priority: [1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      oldest_wait_ms: 500,
      queued_bytes: 2 * JSON.stringify(spec).length,
      as_of: new Date(scene.nowMs).toISOString(),
    });
    expect(await scene.pulse()).toEqual({ covered: 1, lag: 7 });
    expect(await scene.shown('b')).toBeNull();
  });

  it('shows nothing that is not committed, and of a lost term nothing at all', async () => {
    scene.settled = false;
    scene.queue('a', '1');
    await scene.after(250);
    expect(await scene.shown('a')).toBeNull();
    await scene.after(250);
    expect(await scene.shown('a')).toBeNull();
    scene.seq = 2;
    await scene.after(50);
    expect(await scene.shown('a')).toMatchObject({ queued: 1 });
    scene.queue('a', '2');
    await scene.after(250);
    scene.term = 2;
    scene.seq = 3;
    await scene.after(50);
    expect(await scene.shown('a')).toMatchObject({ queued: 1 });
    scene.settled = true;
    await scene.after(250);
    expect(await scene.shown('a')).toMatchObject({ queued: 2 });
  });

  it('says nothing while it may not, and what it said is forgotten', async () => {
    scene.queue('a', '1');
    await scene.after(250);
    expect(await scene.pulse()).not.toBeNull();
    scene.fresh = false;
    scene.queue('a', '2');
    await scene.after(4_000);
    expect(await scene.shown('a')).toMatchObject({ queued: 1 });
    await scene.after(1_001);
    expect([await scene.shown('a'), await scene.pulse()]).toEqual([null, null]);
  });

  it('writes what changed, and the rest once a second while there are tasks', async () => {
    scene.queue('a', '1');
    scene.queue('b', '1');
    await scene.after(250);
    scene.puts.length = 0;
    scene.queue('b', '2');
    await scene.after(100);
    expect(scene.namesPut).toEqual([]);
    await scene.after(150);
    expect(scene.namesPut).toEqual([queueName('b'), partitionName(3)]);
    await scene.after(750);
    expect(scene.namesPut).toContain(queueName('a'));
  });

  it('writes all anew when the cache is back', async () => {
    scene.lost = true;
    scene.queue('a', '1');
    await scene.after(250);
    scene.lost = false;
    await scene.after(250);
    expect(await scene.shown('a')).toMatchObject({ queued: 1 });
  });

  it('draws a bounded number at a time, and all in turn', () => {
    const tenants = Array.from({ length: 30 }, (_, n) => `t${n}`);
    for (const id of tenants) {
      scene.tenant(id);
      scene.queue(id, '1');
    }
    const picture = new Picture({ maxTenants: 7, againAfterMs: 1_000 });
    const seen = new Set<string>();
    for (let pass = 0; pass < 5; pass++) {
      const drawn = picture.draw(scene.state, scene.nowMs);
      expect(drawn.length).toBeLessThanOrEqual(7);
      for (const [id] of drawn) seen.add(id);
    }
    expect([...seen].sort()).toEqual([...tenants].sort());
  });

  it('tells a long queue exactly, and its oldest wait once a look over several passes has found it', () => {
    const picture = new Picture({ maxTenants: 256, againAfterMs: 0 });
    // As for any that was not admitted ready, there may be an older one behind it.
    for (let n = 0; n < 45_000; n++) scene.queue('a', `${n}`, n % 10, { not_before_ms: scene.nowMs });
    scene.nowMs += 700;
    scene.queue('b', '1');
    const draw = () => Object.fromEntries(picture.draw(scene.state, scene.nowMs));
    const told = draw();
    expect(told['a']).toMatchObject({ queued: 45_000, oldest_wait_ms: 0 });
    expect(told['a']?.by_priority).toEqual(Array.from({ length: 10 }, () => 4_500));
    scene.queue('a', 'more', 0);
    expect(draw()['a']).toMatchObject({ queued: 45_001, oldest_wait_ms: 0, by_priority: { 0: 4_501 } });
    scene.nowMs += 300;
    const { a, b } = draw();
    expect([a?.oldest_wait_ms, b?.oldest_wait_ms]).toEqual([1_000, 300]);
  });
});
