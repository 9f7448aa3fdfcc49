import { BadConfiguration, agentConfig } from './index.js';

const good = { FLUXFORGE_AGENT_DATA_DIR: '/var/lib/agent' };

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    agentConfig('host-1', env);
  } catch (error: unknown) {
    if (error instanceof BadConfiguration) return error.mistakes;
    throw error;
  }
  return [];
}

describe('configuration of an agent', () => {
  it('fills in the defaults', () => {
    expect(agentConfig('host-1', good)).toEqual({
      apiUrl: 'http://127.0.0.1:7070',
      joinToken: null,
      dataDir: '/var/lib/agent',
      name: 'host-1',
      labels: {},
      slots: 4,
      opsAddress: null,
      witnessFile: null,
      runId: null,
      logLevel: 'info',
    });
  });

  it('reads labels', () => {
    const env = { ...good, FLUXFORGE_AGENT_LABELS: 'role=web, zone=eu-1,gpu' };
    expect(agentConfig('host-1', env).labels).toEqual({ role: 'web', zone: 'eu-1', gpu: '' });
  });

  it.each(['=x', 'a=b=c', 'a=b,a=c', 'a b=c', 'a=-x'])('refuses the labels %s', (text) => {
    expect(mistakesOf({ ...good, FLUXFORGE_AGENT_LABELS: text })).toHaveLength(1);
  });

  it('names every mistake together', () => {
    const env = {
      FLUXFORGE_AGENT_SLOTS: '0',
      FLUXFORGE_AGENT_API_URL: 'ftp://x',
      FLUXFORGE_OPS_ADDRESS: '1',
    };
    expect(mistakesOf(env).map((mistake) => mistake.split(' ')[0])).toEqual([
      'FLUXFORGE_AGENT_API_URL',
      'FLUXFORGE_AGENT_DATA_DIR',
      'FLUXFORGE_AGENT_SLOTS',
      'FLUXFORGE_OPS_ADDRESS',
    ]);
  });
});
