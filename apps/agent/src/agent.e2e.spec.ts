import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckOutcome, Outcome, OutputStream, Refusal } from '@fluxforge/agent-protocol';
import {
  AgentProcess,
  type AgentProcessSettings,
  FakeControlPlane,
  compileAgent,
  keyOf,
  processesWith,
  scratchFolder,
  until,
} from '@fluxforge/testing/fake-control-plane';

jest.setTimeout(60_000);

let plane: FakeControlPlane;
let folder: ReturnType<typeof scratchFolder>;
let agents: AgentProcess[];

function start(more: Partial<AgentProcessSettings> = {}): AgentProcess {
  const agent = new AgentProcess({ apiUrl: plane.api.url, dataDir: join(folder.path, 'data'), ...more });
  agents.push(agent);
  return agent;
}

async function startConnected(more: Partial<AgentProcessSettings> = {}): Promise<AgentProcess> {
  const before = plane.dispatcher.messages('inventory').length;
  const agent = start(more);
  await plane.dispatcher.heard.nth(before + 1, 'inventory', (one) => one.$case === 'inventory', 20_000);
  return agent;
}

const marker = (name: string): string => join(folder.path, name);
const linesOf = (name: string): string[] =>
  existsSync(marker(name)) ? readFileSync(marker(name), 'utf8').split('\n').filter(Boolean) : [];

beforeAll(() => compileAgent());

beforeEach(async () => {
  plane = new FakeControlPlane();
  await plane.start();
  folder = scratchFolder();
  agents = [];
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  await plane.stop();
  folder.remove();
});

describe('a lease', () => {
  it('is accepted, started, its output sent, its result reported until acknowledged', async () => {
    await startConnected();
    const key = keyOf('t-1');
    plane.lease(
      key,
      'echo out; echo err >&2; printf "$GREETING from $FLUXFORGE_TASK_ID/$FLUXFORGE_ATTEMPT"; exit 3',
      {
        surroundings: { env: { GREETING: 'hello' }, cwd: '/tmp', runAs: '' },
      },
    );
    const result = await plane.result(key);
    expect(result).toMatchObject({ outcome: Outcome.EXITED, exitCode: 3, signal: '', term: 1 });
    expect(result).toMatchObject({ stdoutBytes: 20, stderrBytes: 4, outputTruncated: false, error: '' });
    const kinds = plane.dispatcher.heard.all.map((one) => one.$case).filter((kind) => kind !== 'heartbeat');
    expect(kinds).toEqual(['hello', 'inventory', 'accepted', 'started', 'result']);
    const end = await plane.output.end(key);
    const expected = Buffer.from('out\nhello from t-1/1');
    expect(plane.output.bytes(key).toString()).toBe(expected.toString());
    expect(end).toMatchObject({ end: { totalBytes: expected.length } });
    expect(end.$case === 'end' && end.end.sha256.toString('hex')).toBe(
      createHash('sha256').update(expected).digest('hex'),
    );
    await plane.output.end(key, OutputStream.STDERR);
    expect(plane.output.bytes(key, OutputStream.STDERR).toString()).toBe('err\n');
  });
});
