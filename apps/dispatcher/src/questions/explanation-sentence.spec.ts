import { type Queued } from '@fluxforge/domain/tasks-context';
import { explanationSentence } from './explanation-sentence.js';

const anyone: Queued['asks'] = {
  selector: [{ key: 'zone', op: 'in', values: ['eu'] }],
  executor: 'shell',
};
const waiting: Queued = {
  phase: 'queued',
  rule: 'agents_full',
  untilMs: null,
  used: null,
  limit: null,
  limitName: null,
  heldBy: [],
  heldByMore: 0,
  position: null,
  effectivePriority: 5,
  weight: 1,
  weights: 3,
  endsUnstartedAtMs: null,
  asks: anyone,
  candidates: { known: 7, byReason: {}, agents: [] },
  kept: null,
  remedies: [],
};
const twoFull = { known: 2, byReason: { agents_full: 2 }, agents: [] };
const later = '1970-01-01T01:00:00.000Z';
const untilMs = 3_600_000;

describe('the sentence about a task', () => {
  it.each<[string, Partial<Queued>]>([
    ['No agent matches zone=eu, of 7 that are known.', { rule: 'no_agent_matches' }],
    [
      'Agent a1 does not match zone=eu with executor noop, or there is none.',
      { rule: 'no_agent_matches', asks: { ...anyone, executor: 'noop', agent_id: 'a1' } },
    ],
    [
      'Agents that match zone=eu: 2 full, 1 draining; position 42, tenant weight 1/3.',
      {
        position: 42,
        candidates: {
          known: 7,
          byReason: { agent_draining: 1, agents_full: 2, no_agent_matches: 4 },
          agents: [],
        },
      },
    ],
    ['Agent a1 is full.', { asks: { ...anyone, agent_id: 'a1' } }],
    [
      `Agents that match zone=eu: 2 full; agent a1 is kept for it, and has room by ${later}.`,
      { candidates: twoFull, kept: { agentId: 'a1', roomAtMs: untilMs } },
    ],
    [
      'Agents that match zone=eu: 2 full; agent a1 is kept for it, and has room when what runs there has ended.',
      { candidates: twoFull, kept: { agentId: 'a1', roomAtMs: null } },
    ],
    [
      'Agents that match zone=eu: 2 behind a circuit breaker; not closed: the breaker of domain b.',
      {
        rule: 'breaker_open',
        candidates: { known: 2, byReason: { breaker_open: 2 }, agents: [] },
        remedies: [{ kind: 'reset-breakers', breakers: [{ scope: 'domain', name: 'b' }] }],
      },
    ],
    [
      'The tenant runs as many tasks as max_running_tasks allows (10 of 10).',
      { rule: 'quota_running_tasks', used: 10, limit: 10 },
    ],
    [
      `The tenant has used 900 of 1000 bytes of output of this hour (output_bytes_per_hour), which ends at ${later}.`,
      { rule: 'quota_output_bytes', used: 900, limit: 1000, untilMs },
    ],
    [
      'The tenant has used 0 of 10 bytes of output of this hour (output_bytes_per_hour), and the task alone may print more than that.',
      { rule: 'quota_output_bytes', used: 0, limit: 10 },
    ],
    [
      'Its concurrency key deploy is taken by task t1.',
      {
        rule: 'concurrency_key',
        heldBy: ['t1'],
        asks: { ...anyone, concurrency: { key: 'deploy', max: 1, strategy: 'queue' } },
      },
    ],
    [
      'The lock of agent a1 is held by task t1, and 3 more may come before it.',
      {
        rule: 'lock_held',
        heldBy: ['t1', 't2'],
        heldByMore: 2,
        asks: { ...anyone, agent_id: 'a1' },
      },
    ],
    [
      'The mode of the tenant and of the cluster is draining: nothing new is started.',
      {
        rule: 'mode_draining',
        remedies: [{ kind: 'set-mode', mode: 'normal', scopes: ['tenant', 'cluster'] }],
      },
    ],
    [`It is not to start before ${later}.`, { rule: 'not_before', untilMs }],
    [`An attempt has failed, and the next waits until ${later}.`, { rule: 'backoff', untilMs }],
    ['It waits for nothing but its turn; position 1, tenant weight 1/3.', { rule: 'turn', position: 1 }],
  ])('%s', (sentence, over) => {
    expect(explanationSentence({ ...waiting, ...over })).toBe(sentence);
  });

  it('says where a run is, and that one which is not started has not said so', () => {
    const run = { phase: 'leased', agentId: 'a1', attempt: 2, leasedAtMs: 0 } as const;
    const asked = { ...run, cancelRequested: false, moveRequested: false };
    expect(explanationSentence({ ...asked, startedAtMs: untilMs })).toBe(
      `It has been running on agent a1, attempt 2, since ${later}.`,
    );
    expect(explanationSentence({ ...asked, startedAtMs: null })).toContain('has not said that it runs');
  });
});
