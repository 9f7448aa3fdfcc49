import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LeaseKey, leaseKeyText } from '@fluxforge/agent-protocol';
import {
  AgentProcess,
  FakeControlPlane,
  type Heard,
  compileAgent,
  keyOf,
  processesWith,
  scratchFolder,
} from '@fluxforge/testing/fake-control-plane';

jest.setTimeout(120_000);

const KILLS = 20;
const TASKS = 3;

/** Repeatable: the seed is in the name of the test. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A server that leases each task again as soon as an attempt has ended, as a dispatcher would. */
class Releaser {
  readonly accepted = new Set<string>();
  readonly reported = new Set<string>();
  private readonly attempts = new Map<string, number>();
  private read = 0;
  private connected = false;

  constructor(
    private readonly plane: FakeControlPlane,
    private readonly script: (taskId: string) => string,
  ) {
    for (let i = 0; i < TASKS; i += 1) this.attempts.set(`kill-${i}`, 1);
  }

  openLeases(): string[] {
    return [...this.accepted].filter((text) => !this.reported.has(text));
  }

  /** Reads what came since the last call, and answers it. */
  step(): void {
    const { all } = this.plane.dispatcher.heard;
    for (; this.read < all.length; this.read += 1) {
      const message = all[this.read];
      if (message !== undefined) this.onMessage(message);
    }
  }

  lost(): void {
    this.connected = false;
  }

  private onMessage(message: Heard): void {
    if (message.$case === 'inventory') {
      this.connected = true;
      const held = new Set(message.inventory.leases.flatMap(({ key }) => (key ? [leaseKeyText(key)] : [])));
      for (const key of this.current()) if (!held.has(leaseKeyText(key))) this.push(key);
    }
    if (message.$case === 'accepted' && message.accepted.key)
      this.accepted.add(leaseKeyText(message.accepted.key));
    if (message.$case === 'result' && message.result.key) this.onEnd(message.result.key);
  }

  private onEnd(key: LeaseKey): void {
    this.reported.add(leaseKeyText(key));
    if (this.attempts.get(key.taskId) !== key.attempt) return;
    this.attempts.set(key.taskId, key.attempt + 1);
    if (this.connected) this.push(keyOf(key.taskId, key.attempt + 1));
  }

  private current(): LeaseKey[] {
    return [...this.attempts].map(([taskId, attempt]) => keyOf(taskId, attempt));
  }

  private push(key: LeaseKey): void {
    this.plane.lease(key, this.script(key.taskId));
  }
}

beforeAll(() => void compileAgent());

describe('killed at any moment', () => {
  it.each([[1], [2]])(
    'nothing accepted is lost, nothing runs beside its successor (seed %d)',
    async (seed) => {
      const random = generator(seed);
      const plane = new FakeControlPlane();
      await plane.start();
      const folder = scratchFolder();
      const doubles = join(folder.path, 'doubles');
      // Each attempt looks whether the one before it still lives.
      const script = (taskId: string): string => {
        const pidFile = join(folder.path, `${taskId}.pid`);
        // The long ones outlive a restart of the agent, unless it stops them.
        const seconds = random() < 0.5 ? '0.1' : '4';
        // A zombie has no executable any more; `kill -0` would take it for alive.
        return `old=$(cat ${pidFile} 2>/dev/null) && readlink /proc/$old/exe && echo ${taskId} $old >> ${doubles}
        echo $$ > ${pidFile}; sleep ${seconds}; sleep 0`;
      };
      const server = new Releaser(plane, script);
      const env = { FLUXFORGE_RUN_ID: `kills-${seed}-${process.pid}` };
      let killedWhileOpen = 0;
      try {
        for (let kill = 0; kill <= KILLS; kill += 1) {
          const agent = new AgentProcess({ apiUrl: plane.api.url, dataDir: join(folder.path, 'data'), env });
          const inventories = plane.dispatcher.messages('inventory').length;
          await plane.dispatcher.heard.nth(
            inventories + 1,
            'inventory',
            (one) => one.$case === 'inventory',
            20_000,
          );
          const untilMs = performance.now() + 30 + random() * 400;
          while (performance.now() < untilMs) {
            server.step();
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          if (kill === KILLS) {
            await agent.stop();
            break;
          }
          if (server.openLeases().length > 0) killedWhileOpen += 1;
          server.lost();
          await agent.kill();
        }
        server.step();
        expect(server.openLeases()).toEqual([]);
        expect(server.reported.size).toBeGreaterThan(KILLS);
        expect(killedWhileOpen).toBeGreaterThanOrEqual(KILLS / 2);
        expect(existsSync(doubles) ? readFileSync(doubles, 'utf8') : '').toBe('');
        expect(processesWith(`FLUXFORGE_RUN_ID=${env.FLUXFORGE_RUN_ID}`)).toEqual([]);
      } finally {
        for (const pid of processesWith(`FLUXFORGE_RUN_ID=${env.FLUXFORGE_RUN_ID}`))
          process.kill(pid, 'SIGKILL');
        await plane.stop();
        folder.remove();
      }
    },
  );
});
