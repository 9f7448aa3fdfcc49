import { explanationView } from './explanation-view.js';

describe('an explanation as users see it', () => {
  it('says why a task ended', () => {
    const ended = {
      phase: 'ended',
      end: 'rejected',
      reason: 'quota_queued_tasks',
      endedAtMs: 0,
      attemptsUsed: 0,
    } as const;
    expect(explanationView(ended)).toEqual({
      phase: 'ended',
      message: 'It ended at 1970-01-01T00:00:00.000Z: rejected (quota_queued_tasks).',
      end: 'rejected',
      reason: 'quota_queued_tasks',
      ended_at: '1970-01-01T00:00:00.000Z',
      attempts_used: 0,
    });
  });

  it('says of a run whether it is to be cancelled or moved', () => {
    const run = { phase: 'leased', agentId: 'a1', attempt: 1, leasedAtMs: 0, startedAtMs: null } as const;
    const view = explanationView({ ...run, cancelRequested: false, moveRequested: true });
    expect(view).toMatchObject({ cancel_requested: false, move_requested: true, started_at: null });
  });

  it('names the limit of agents where it has to be raised, and not where it leaves room', () => {
    const size = { slots: 1, labels: {}, executor: 'shell', capacity: {} } as const;
    const remedies = [null, 9].map((maxAgents) => ({
      ...{ kind: 'add-agents' as const, count: 2, ...size },
      maxAgents,
    }));
    const asks = { executor: 'shell' as const, selector: [] };
    const rest = { heldBy: [], heldByMore: 0, effectivePriority: 5, weight: 1, weights: 1, asks, kept: null };
    const view = explanationView({
      ...{
        phase: 'queued',
        rule: 'no_agent_matches',
        untilMs: null,
        used: null,
        limit: null,
        limitName: null,
      },
      ...{
        ...rest,
        position: 1,
        endsUnstartedAtMs: null,
        candidates: { known: 7, byReason: {}, agents: [] },
      },
      remedies,
    });
    const shown = { kind: 'add-agents', count: 2, ...size };
    expect(view).toMatchObject({ phase: 'queued' });
    expect((view as { remedies: unknown }).remedies).toEqual([shown, { ...shown, max_agents: 9 }]);
  });

  it('names the agent that is kept for a large task, and when that has room', () => {
    const waiting = {
      phase: 'queued',
      rule: 'agents_full',
      untilMs: null,
      used: null,
      limit: null,
      limitName: null,
      heldBy: [],
      heldByMore: 0,
      position: 1,
      effectivePriority: 0,
      weight: 1,
      weights: 1,
      endsUnstartedAtMs: null,
      candidates: { known: 1, byReason: { agents_full: 1 }, agents: [] },
      remedies: [],
    } as const;
    const asks = { executor: 'shell' as const, selector: [] };
    const keptView = (roomAtMs: number | null) =>
      explanationView({ ...waiting, asks, kept: { agentId: 'a1', roomAtMs } });
    expect(keptView(0)).toMatchObject({ kept: { agent_id: 'a1', room_at: '1970-01-01T00:00:00.000Z' } });
    expect(keptView(null)).toMatchObject({ kept: { agent_id: 'a1', room_at: null } });
    expect(explanationView({ ...waiting, asks, kept: null })).toMatchObject({ kept: null });
  });
});
