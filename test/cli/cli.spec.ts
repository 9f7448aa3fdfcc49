import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { StateBody } from '../../apps/api/src/states/index.js';
import { validated } from '../../apps/api/src/fields/index.js';
import { changesOf, SimulationBody } from '../../apps/api/src/explaining/simulation-body.js';
import { ScheduleBody, scheduleSpecOf } from '../../apps/api/src/schedules/index.js';
import { fluxforge } from './run-cli.js';

const nowhere = { FLUXFORGE_API_URL: 'http://127.0.0.1:1', FLUXFORGE_API_KEY: 'ffk_x' };

describe('the command line', () => {
  it.each([[['--help']], [['apply', '--help']], [['get', '--help']]])(
    '%j tells what there is, and that is no failure',
    async (args) => {
      const { code, stdout } = await fluxforge(args);
      expect([code, stdout.includes('Usage: fluxforge')]).toEqual([0, true]);
    },
  );

  it.each([
    [['explode']],
    [['apply']],
    [['get']],
    [['logs']],
    [['get', 'tasks', '--limit', 'all']],
    [['get', 'tasks', '--limit', '0']],
    [['get', 'tasks', '-o', 'wide']],
    [['logs', 'tsk_1', '--attempt', 'last']],
    [['join-token', '-l', 'nonsense']],
  ])('%j is wrong usage', async (args) => {
    expect((await fluxforge(args)).code).toBe(2);
  });

  it('says what to set when it knows no API', async () => {
    const { code, stderr } = await fluxforge(['get', 'states']);
    expect(code).toBe(1);
    expect(stderr).toContain('FLUXFORGE_API_URL and FLUXFORGE_API_KEY');
  });

  it('says so when nobody answers, without a stack', async () => {
    const { code, stderr } = await fluxforge(['get', 'states'], { env: nowhere });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fluxforge: no answer from http:\/\/127\.0\.0\.1:1: .*\n$/);
  });

  it.each([
    ['nothing', '', 'there is nothing in it'],
    ['no YAML', 'a: [', ''],
    ['no mapping', '- a', 'must be a mapping'],
    ['no kind', 'name: a', 'kind must be one of State, Task'],
    ['another kind', 'kind: Pod', 'kind must be one of'],
    ['a state without a name', 'kind: State', 'needs a name'],
    ['a mistake in the last of many', 'kind: Task\ncommand: x\n---\nkind: Pod', 'document 2'],
    [
      'aliases without end',
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}*a]\nc: &c [${'*b,'.repeat(9)}*b]\nd: [${'*c,'.repeat(9)}*c]`,
      '',
    ],
  ])('refuses %s before anything is sent', async (_, input, message) => {
    const { code, stderr } = await fluxforge(['apply', '-f', '-'], { env: nowhere, input });
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('no answer from');
    expect(stderr).toMatch(/^fluxforge: [^\n]+\n/);
    expect(stderr).not.toContain('    at ');
  });

  it('shows what machines say as text, whatever is in it', async () => {
    const name = 'a\u001b]0;owned\u0007\u202eb\nc';
    const agent = {
      id: 'agt_1',
      name,
      labels: {},
      slots: 1,
      created_at: '2030-01-01T00:00:00Z',
      status: { phase: 'found' },
    };
    const server = await answering({ items: [agent], next_cursor: null });
    const { port } = server.address() as AddressInfo;
    const env = { ...nowhere, FLUXFORGE_API_URL: `http://127.0.0.1:${port}` };
    const { code, stdout } = await fluxforge(['get', 'agents'], { env });
    server.close();
    expect(code).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('the examples', () => {
  const files = readdirSync('examples').filter((file) => file.endsWith('.yaml'));

  it('are there', () => {
    expect(files.sort()).toEqual([
      'cron-entry.yaml',
      'file-content.yaml',
      'package-present.yaml',
      'sshd-setting.yaml',
      'sysctl-value.yaml',
      'user-present.yaml',
    ]);
  });

  it.each(files)('%s is what the API takes', (file) => {
    for (const document of parseAllDocuments(readFileSync(`examples/${file}`, 'utf8'))) {
      expect(document.errors).toEqual([]);
      const { kind, ...body } = document.toJS() as { kind: string };
      expect(kind).toBe('State');
      expect(() => validated(StateBody, body, { code: 'validation_failed' })).not.toThrow();
    }
  });

  it('of simulations are what the API takes', () => {
    for (const file of readdirSync('examples/simulations')) {
      const [document] = parseAllDocuments(readFileSync(`examples/simulations/${file}`, 'utf8'));
      const body = validated(SimulationBody, document!.toJS(), { code: 'validation_failed' });
      expect(() => changesOf(body, 0)).not.toThrow();
    }
  });

  it('of schedules are what the API takes', () => {
    for (const file of readdirSync('examples/schedules')) {
      const [document] = parseAllDocuments(readFileSync(`examples/schedules/${file}`, 'utf8'));
      const { kind, ...body } = document!.toJS() as { kind: string };
      expect(kind).toBe('Schedule');
      const schedule = validated(ScheduleBody, body, { code: 'validation_failed' });
      expect(() => scheduleSpecOf(schedule, 0)).not.toThrow();
    }
  });
});

function answering(body: unknown): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
