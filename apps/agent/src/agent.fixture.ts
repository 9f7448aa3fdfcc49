import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lease, type Surroundings } from '@fluxforge/agent-protocol';
import {
  AgentProcess,
  type AgentProcessSettings,
  FakeControlPlane,
  compileAgent,
  processesWith,
  scratchFolder,
} from '@fluxforge/testing/fake-control-plane';

/** Agents as processes of their own, a control plane that does what a test says, and a folder: anew for each test. */
export class AgentScene {
  plane!: FakeControlPlane;
  folder!: ReturnType<typeof scratchFolder>;
  agents: AgentProcess[] = [];
  /** In the environment of all processes of this test. */
  runId = '';

  async begin(): Promise<void> {
    this.plane = new FakeControlPlane();
    this.folder = scratchFolder();
    this.agents = [];
    this.runId = randomUUID();
    await this.plane.start();
  }

  get dataDir(): string {
    return join(this.folder.path, 'data');
  }

  start(more: Partial<AgentProcessSettings> = {}): AgentProcess {
    const env = { FLUXFORGE_RUN_ID: this.runId };
    const agent = new AgentProcess({ apiUrl: this.plane.api.url, dataDir: this.dataDir, env, ...more });
    this.agents.push(agent);
    return agent;
  }

  async startConnected(more: Partial<AgentProcessSettings> = {}): Promise<AgentProcess> {
    const { dispatcher } = this.plane;
    const before = dispatcher.messages('inventory').length;
    const agent = this.start(more);
    await dispatcher.heard.nth(before + 1, 'inventory', (one) => one.$case === 'inventory', 20_000);
    return agent;
  }

  /** Living processes of one task, of this test alone. */
  livingOf(taskId: string): number[] {
    const ours = new Set(processesWith(`FLUXFORGE_RUN_ID=${this.runId}`));
    return processesWith(`FLUXFORGE_TASK_ID=${taskId}`).filter((pid) => ours.has(pid));
  }

  /** A file that a command can write to. */
  marker(name: string): string {
    return join(this.folder.path, name);
  }

  linesOf(name: string): string[] {
    const path = this.marker(name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  }

  async end(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.kill()));
    for (const pid of processesWith(`FLUXFORGE_RUN_ID=${this.runId}`)) process.kill(pid, 'SIGKILL');
    await this.plane.stop();
    this.folder.remove();
  }
}

/** A scene that is set up for each test of the file. */
export function sceneOfEachTest(): AgentScene {
  const scene = new AgentScene();
  beforeAll(() => void compileAgent());
  beforeEach(() => scene.begin());
  afterEach(() => scene.end());
  return scene;
}

export function argv(...args: string[]): Lease['command'] {
  return { form: { $case: 'argv', argv: { args } } };
}

export function around(more: Partial<Surroundings>): Surroundings {
  return { env: {}, cwd: '', runAs: '', ...more };
}
